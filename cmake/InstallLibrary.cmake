# `cmake --install`: the headers, the library, and what `find_package(manyclass CONFIG)` reads. The
# component "cpp", so that the wheel, which asks for "python", stays without it.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/manyclass)

install(
  TARGETS manyclass
  EXPORT manyclassTargets
  RUNTIME COMPONENT cpp
  LIBRARY COMPONENT cpp
  ARCHIVE COMPONENT cpp)
install(
  DIRECTORY ${PROJECT_SOURCE_DIR}/cpp/include/manyclass
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT cpp)
install(
  EXPORT manyclassTargets
  NAMESPACE manyclass::
  DESTINATION ${package_dir}
  COMPONENT cpp)

configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/manyclassConfig.cmake.in ${PROJECT_BINARY_DIR}/manyclassConfig.cmake
  INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/manyclassConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/manyclassConfig.cmake
        ${PROJECT_BINARY_DIR}/manyclassConfigVersion.cmake
  DESTINATION ${package_dir}
  COMPONENT cpp)
