"""`DistributedDataParallel` with gloo in 2 processes: gradients are those of the whole batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from child_process import run_child

CODE = """
import os

import torch
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel
import manyclass as mc
import manyclass.torch as mct

C, D, S, B = 40, 4, 8, 6


class Model(nn.Module):
    def __init__(self, sparse):
        super().__init__()
        self.hidden = nn.Linear(D, D)
        self.output = mct.SampledSoftmax(C, D, num_sampled=S, seed=1, sparse=sparse)

    def forward(self, inputs, labels):
        return self.output(self.hidden(inputs), labels)


def train(model, batches):
    model_optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for inputs, labels in batches:
        model_optimizer.zero_grad()
        model(inputs, labels).backward()
        model_optimizer.step()
    return model_optimizer


def batches():
    generator = torch.Generator().manual_seed(7)
    return [
        (torch.randn(B, D, generator=generator), torch.randint(0, C, (B,), generator=generator))
        for _ in range(3)
    ]


def run(rank, folder, sparse):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    torch.manual_seed(rank)  # the first process's weights go to all
    model = Model(sparse)
    parallel = DistributedDataParallel(model)
    half = slice(rank * B // 2, (rank + 1) * B // 2)
    if rank == 0:
        torch.save(model.state_dict(), f"{folder}/start")
    train(parallel, [(inputs[half], labels[half]) for inputs, labels in batches()])
    assert (model.output.weight.grad.layout == torch.sparse_coo) == sparse
    torch.save(model.state_dict(), f"{folder}/end{rank}")
    torch.distributed.barrier()
    # Not by destroy_process_group: PyTorch may then join gloo's thread while it holds the lock that
    # this thread waits for (pytorch/pytorch#56297), and stay there.
    os._exit(0)


def main(folder, sparse):
    torch.set_num_threads(1)
    multiprocessing.spawn(run, (folder, sparse), nprocs=2)
    alone = Model(sparse)
    alone.load_state_dict(torch.load(f"{folder}/start"))
    train(alone, batches())
    ends = [torch.load(f"{folder}/end{rank}") for rank in range(2)]
    for name, expected in alone.named_parameters():
        assert torch.equal(ends[0][name], ends[1][name]), name
        torch.testing.assert_close(ends[0][name], expected.data, rtol=1e-5, atol=1e-6)
    print("equal")
"""


@pytest.mark.parametrize("layout", ["sparse", "dense"])
def test_two_processes_train_as_one(tmp_path: Path, layout: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(CODE, "utf-8")
    command = f"import train; train.main({str(tmp_path)!r}, {layout == 'sparse'})"
    child = run_child(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {command}")
    assert child.stdout.strip() == "equal", child.stderr
