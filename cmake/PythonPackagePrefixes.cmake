# Adds the prefixes of cmeel packages (Eigen from PyPI: cmeel-eigen) that Python's path shows to
# CMAKE_PREFIX_PATH. Under pip's build isolation they are the build requirements' own.
execute_process(
  COMMAND
    "${Python_EXECUTABLE}" -c
    "import os, sys; print(';'.join(p for p in (os.path.join(d, 'cmeel.prefix') for d in sys.path) if os.path.isdir(p)))"
  OUTPUT_VARIABLE cmeel_prefixes
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(APPEND CMAKE_PREFIX_PATH ${cmeel_prefixes})
