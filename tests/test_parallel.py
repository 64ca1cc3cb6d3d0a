"""One training in two processes, as torchrun starts them, against PyTorch's own engine and against one process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tiny_config, write_embeddings

from s2i_lib.training import distributed
from s2i_lib.training.gan import train_gan

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import copy, sys
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
import torch
from conftest import tiny_config
from s2i_lib.training import distributed
from s2i_lib.training.common import Checkpoint
from s2i_lib.training.encoder import train_encoder
from s2i_lib.training.gan import train_gan
distributed.init_process_group()
torch.set_num_threads(1)
weights = torch.nn.Parameter(torch.zeros(3))
weights.grad = torch.full((3,), float(distributed.rank()))
distributed.all_reduce_gradients([weights])
assert distributed.world_size() == 2 and weights.grad.tolist() == [0.5] * 3
assert distributed.shard(list(range(6))) == list(range(distributed.rank(), 6, 2))
torch.manual_seed(0)
alone, rows = torch.nn.Linear(3, 2), torch.randn(8, 3)
ours, theirs = copy.deepcopy(alone), torch.nn.parallel.DistributedDataParallel(copy.deepcopy(alone))
alone(rows).square().mean().backward()
for network in (ours, theirs):
    network(rows[distributed.rank() :: 2]).square().mean().backward()
distributed.all_reduce_gradients(ours.parameters())
for one, of_torch, of_all in zip(ours.parameters(), theirs.parameters(), alone.parameters()):
    torch.testing.assert_close(one.grad, of_torch.grad)
    torch.testing.assert_close(one.grad, of_all.grad)
for train, part in ((train_encoder, "encoder"), (train_gan, "gan")):
    kept, init = [], Checkpoint.__init__

    def remember(self, *arguments, init=init, **parts):
        init(self, *arguments, **parts)
        kept.append(parts)

    Checkpoint.__init__ = remember
    train(tiny_config(recipe={recipe!r}))
    Checkpoint.__init__ = init
    networks = [kept[0][name] for name in ("model", "generator", "discriminators") if name in kept[0]]
    trained = [p.detach() for network in networks for p in network.parameters()]
    for parameter in trained:
        same = distributed.broadcast(parameter.clone())
        assert torch.equal(same, parameter), part
distributed.barrier()
if distributed.rank() == 0:
    print("both agree")
"""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["paper"])
def test_two_processes_train_one_model_and_one_process_goes_on(project, tmp_path, recipe):
    run = tiny_config(recipe=recipe)
    write_embeddings(run)
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(root=str(ROOT), recipe=recipe))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "S2I_ROOT": str(project), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    assert done.returncode == 0 and done.stdout.count("both agree") == 1, done.stdout + done.stderr
    state = torch.load(run.run_dir / "gan.ckpt")
    assert state["position"] == run.gan.steps and (run.run_dir / "generator.safetensors").exists()
    before = (run.run_dir / "generator.safetensors").read_bytes()
    train_gan(run)  # one process finds everything done
    assert (run.run_dir / "generator.safetensors").read_bytes() == before
    assert np.isfinite([row["generator"] for row in state["history"]]).all()


def test_alone_nothing_is_divided_and_nothing_waits(monkeypatch):
    assert distributed.world_size() == 1 and distributed.rank() == 0 and distributed.shard([1, 2, 3]) == [1, 2, 3]
    distributed.barrier()
    gradient = torch.nn.Parameter(torch.ones(2))
    gradient.grad = torch.ones(2)
    distributed.all_reduce_gradients([gradient])
    assert gradient.grad.tolist() == [1, 1]
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    with pytest.raises(ValueError, match="cannot be divided among 2 processes"):
        distributed.shard([1, 2, 3])
