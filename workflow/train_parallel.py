"""Train one encoder or GAN with several processes, each with a GPU of its own.

    torchrun --nproc-per-node 2 workflow/train_parallel.py gan --profile large --dataset birds --recipe paper

The data must be there (chapters 01 to 04, for a GAN also 05). What is written is what chapter 05 or 06 writes: it finds its
training done and goes on. See workflow/README.md for what the division of the batch changes.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the library needs no installation

from s2i_lib.config import PROFILE_NAMES, load_config
from s2i_lib.recipes import RECIPES
from s2i_lib.training import distributed
from s2i_lib.training.encoder import train_encoder
from s2i_lib.training.gan import train_gan


def main() -> None:
    """Train in this process, as one of several."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("encoder", "gan"))
    parser.add_argument("--profile", choices=PROFILE_NAMES, default="large")
    parser.add_argument("--dataset", default="birds")
    parser.add_argument("--recipe", choices=RECIPES, default="recommended")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    distributed.init_process_group()
    config = load_config(options.profile, options.dataset, options.recipe, options.seed)
    history = {"encoder": train_encoder, "gan": train_gan}[options.what](config)
    distributed.barrier()
    if distributed.rank() == 0:
        print(f"{options.what} of {config.run_dir.name}: {distributed.world_size()} processes, {len(history)} rows of history")


if __name__ == "__main__":
    main()
