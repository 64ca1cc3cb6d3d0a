"""Training loops: a run that was interrupted ends bit for bit like one that was not."""

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future

import numpy as np
import pytest
import torch
from conftest import EMBEDDING_DIM, TEACHER_DIM, forget_training, tiny_config, write_embeddings
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from s2i_lib import devices, losses
from s2i_lib.config import load_config
from s2i_lib.datasets import load_dataset, rendered_spec
from s2i_lib.devices import mixed_precision, pick_device
from s2i_lib.features import Sentences, load_log_mels, load_speech_data, set_aside, shrink, to_signed
from s2i_lib.identity import network_fingerprint
from s2i_lib.inference import embed_inputs, generate
from s2i_lib.models.checkpoint import classifier_path, load_speech_model
from s2i_lib.models.classifiers import classifier_heads
from s2i_lib.models.gan import build_gan
from s2i_lib.models.stackgan_v1 import StackGANv1
from s2i_lib.models.student import SpeechModel, TargetSpace
from s2i_lib.models.text_encoder import encode_characters
from s2i_lib.results.records import machine_in_words
from s2i_lib.training import common
from s2i_lib.training.classifiers import train_classifier
from s2i_lib.training.common import (
    STUDENT_SECTIONS,
    Checkpoint,
    augment,
    averaged,
    epoch_batches,
    rate_schedule,
    seed_step,
)
from s2i_lib.training.encoder import (
    MASKS,
    EncoderTraining,
    class_mean_features,
    disturb_states,
    encoder_batches,
    gradient_magnitudes,
    mask_time,
    measure_weights,
    score_unseen,
    splice_inputs,
    train_encoder,
)
from s2i_lib.training.encoder import write_embeddings as embed_split
from s2i_lib.training.gan import load_gan_data, train_gan
from s2i_lib.training.gan_steps import GAN_STEPS, Batch, Networks, _apply, image_pyramid, stackgan_step

MODELS = {"paper": "stackgan_v2", "recommended": "modulated"}


class InterruptedTrainingError(RuntimeError):
    pass


def _interrupt(monkeypatch, writes: int, calls: int) -> None:
    """Let a loop write its first checkpoints and stop it at a later step, as a power cut would."""
    original, counted = Checkpoint.save, []

    def save(self, position, force=False):
        counted.append(position)
        if len(counted) == calls:
            raise InterruptedTrainingError
        if len(counted) <= writes:
            original(self, position, force)

    monkeypatch.setattr(Checkpoint, "save", save)


def _assert_same_weights(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def _numbers(history):
    return history.drop(columns="seconds")


def _interrupt_and_resume(monkeypatch, train, run, path, writes, calls):
    """The history of a loop that was interrupted, left no weights at `path`, and was started again."""
    with monkeypatch.context() as patch:
        _interrupt(patch, writes, calls)
        with pytest.raises(InterruptedTrainingError):
            train(run)
    assert not path.exists()
    return train(run)


@pytest.mark.parametrize("recipe", MODELS)
@pytest.mark.parametrize("writes, calls", [(1, 2), (1, 3)], ids=["at a checkpoint", "after a checkpoint"])
def test_an_interrupted_encoder_ends_like_an_uninterrupted_one(project, monkeypatch, recipe, writes, calls):
    run = tiny_config(recipe=recipe, encoder={"epochs": 4})
    history, path = train_encoder(run), run.run_dir / "speech_encoder.safetensors"
    weights = load_file(path)
    forget_training(run)
    resumed = _interrupt_and_resume(monkeypatch, train_encoder, run, path, writes, calls)
    _assert_same_weights(load_file(path), weights)
    assert _numbers(resumed).equals(_numbers(history))


@pytest.mark.parametrize("recipe", MODELS)
@pytest.mark.parametrize("writes, calls", [(3, 4), (2, 5)], ids=["at a checkpoint", "after a checkpoint"])
def test_an_interrupted_gan_ends_like_an_uninterrupted_one(project, monkeypatch, recipe, writes, calls):
    run = tiny_config(recipe=recipe)
    assert run.gan.model == MODELS[recipe]
    write_embeddings(run)
    history, path = train_gan(run), run.run_dir / "generator.safetensors"
    weights, last = load_file(path), torch.load(run.run_dir / "gan.ckpt")
    forget_training(run)
    resumed = _interrupt_and_resume(monkeypatch, train_gan, run, path, writes, calls)
    _assert_same_weights(load_file(path), weights)
    _assert_same_weights(torch.load(run.run_dir / "gan.ckpt")["discriminators"], last["discriminators"])
    assert _numbers(resumed).equals(_numbers(history))


TRAIN = """
import json, sys, torch
from s2i_lib.config import Config
from s2i_lib.training import common, gan
torch.set_num_threads(1)
common.CHECKPOINT_SECONDS = 0.0
gan.train_gan(Config.model_validate(json.loads(sys.argv[1])))
"""


@pytest.fixture
def one_thread():
    """The order of additions, and with it the last bit, depends on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_killed_process_goes_on_where_it_stopped(project, one_thread):
    run = tiny_config(gan={"steps": 60})
    write_embeddings(run)
    path, checkpoint = run.run_dir / "generator.safetensors", run.run_dir / "gan.ckpt"
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, json.dumps(run.model_dump())],
        env=os.environ | {"S2I_ROOT": str(project)},
        stderr=subprocess.DEVNULL,
    )
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(np.random.default_rng().uniform(0, 0.1))  # any moment will do, also one in the middle of a write
    process.kill()
    assert process.wait() == -signal.SIGKILL and not path.exists()
    assert Checkpoint(checkpoint, network_fingerprint(run, *STUDENT_SECTIONS, "gan")).position >= 1
    train_gan(run)
    resumed = load_file(path)
    forget_training(run)
    train_gan(run)
    _assert_same_weights(resumed, load_file(path))


@pytest.fixture
def slow_disk(monkeypatch):
    """An event; before it is set, nothing is written."""
    ready = threading.Event()

    def write(path, content, original=common.save_atomically):
        assert ready.wait(60)
        original(path, content)

    monkeypatch.setattr(common, "save_atomically", write)
    monkeypatch.setattr(common, "CHECKPOINT_SECONDS", 0.0)
    return ready


def test_training_goes_on_while_a_checkpoint_is_written(tmp_path, slow_disk):
    layer, path = torch.nn.Linear(2, 2), tmp_path / "one.ckpt"
    checkpoint, before = Checkpoint(path, "same", layer=layer), layer.weight.clone()
    checkpoint.save(1)
    with torch.no_grad():
        layer.weight.zero_()
    checkpoint.save(2)  # while the first is being written: left out
    assert not path.exists()
    slow_disk.set()
    again = torch.nn.Linear(2, 2)
    assert Checkpoint(path, "same", layer=again).position == 1 and torch.equal(again.weight, before)
    checkpoint.save(3, force=True)
    saved = torch.load(path)
    assert saved["position"] == 3 and saved["machine"] == machine_in_words()


def test_a_checkpoint_that_takes_long_is_written_rarely(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "one.ckpt", "same")
    for cost, seconds, due in ((0.1, 31, True), (1.5, 31, True), (3.0, 31, False), (3.0, 61, True)):
        checkpoint._written = Future()
        checkpoint._written.set_result(cost)
        monkeypatch.setattr(checkpoint, "_saved", time.monotonic() - seconds)
        assert checkpoint._is_due() is due


def test_a_checkpoint_that_cannot_be_written_stops_the_training_at_the_next_step(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(common, "save_atomically", full)
    monkeypatch.setattr(common, "CHECKPOINT_SECONDS", 0.0)
    checkpoint = Checkpoint(tmp_path / "one.ckpt", "same")
    checkpoint.save(1)
    with pytest.raises(OSError, match="No space left"):
        for step in range(2, 1000):
            checkpoint.save(step)
            time.sleep(0.01)


def test_seeds_change_the_result(project):
    weights = []
    for seed in (0, 1):
        run = tiny_config(seed, encoder={"epochs": 1})
        train_encoder(run)
        weights.append(load_file(run.run_dir / "speech_encoder.safetensors"))
    assert not torch.equal(weights[0]["encoder.rnn.weight_hh_l0"], weights[1]["encoder.rnn.weight_hh_l0"])


def test_a_checkpoint_of_another_configuration_is_refused(project):
    train_encoder(tiny_config(encoder={"epochs": 1}))
    with pytest.raises(ValueError, match="written under another configuration, precision or version: remove it"):
        train_encoder(tiny_config(encoder={"epochs": 1, "learning_rate": 0.5}))


def test_the_encoder_does_not_mind_other_settings_of_the_gan(project, monkeypatch):
    history = train_encoder(tiny_config(encoder={"epochs": 1}))
    monkeypatch.setattr(SpeechModel, "loss", None)  # a step would fail
    assert train_encoder(tiny_config(encoder={"epochs": 1}, gan={"steps": 99})).equals(history)


def test_a_finished_run_is_not_trained_again(project, monkeypatch):
    run = tiny_config(encoder={"epochs": 2})
    history = train_encoder(run)
    monkeypatch.setattr(SpeechModel, "loss", None)  # a step would fail
    assert train_encoder(run).equals(history)


@pytest.mark.parametrize("loss", ["teacher_student", "norm", "norm_jel", "contrastive", "released"])
def test_the_encoder_learns_a_tiny_set(project, loss):
    # three components tell four classes apart; the others are the noise of single images
    run = tiny_config(encoder={"loss": loss, "target_dim": 3, "width": 4, "epochs": 25, "learning_rate": 1e-2})
    history = train_encoder(run)
    assert history.loss.iloc[-1] < 0.6 * history.loss.iloc[0]
    data, model = load_speech_data(run, "train"), load_speech_model(run)
    assert score_unseen(model, data, run)["zero_shot"] >= 0.75  # four classes seen in training: chance is 0.25


def test_the_text_encoder_learns_a_tiny_set_and_serves_both_text_recipes(project):
    settings = {"width": 8, "epochs": 25, "learning_rate": 1e-2}
    run = tiny_config(recipe="text", encoder=settings)
    history = train_encoder(run)
    assert history.loss.iloc[-1] < 0.8 * history.loss.iloc[0]
    shared = load_speech_model(tiny_config(recipe="text_v1", encoder=settings))
    _assert_same_weights(shared.state_dict(), load_speech_model(run).state_dict())


def test_the_classifier_learns_the_training_classes_and_is_not_scored_in_the_space_of_images(project):
    run = tiny_config(recipe="classifier", encoder={"width": 4, "epochs": 25, "learning_rate": 1e-2})
    history = train_encoder(run)
    assert history.loss.iloc[-1] < 0.6 * np.log(run.data.num_train_classes) and "zero_shot" not in history
    assert load_speech_model(run).head.out_features == run.data.num_train_classes


def test_stackgan_v1_trains_one_stage_after_the_other_and_resumes(project, monkeypatch):
    run = tiny_config(recipe="text_v1", gan={"num_scales": 3, "steps": 3})
    write_embeddings(run)
    stages, generate_stage = [], StackGANv1.generate_stage
    monkeypatch.setattr(
        StackGANv1,
        "generate_stage",
        lambda self, noise, embedding, stage: stages.append(stage) or generate_stage(self, noise, embedding, stage),
    )
    history, path = train_gan(run), run.run_dir / "generator.safetensors"
    assert stages == [0, 0, 0, 1, 1, 1]
    weights = load_file(path)
    forget_training(run)
    resumed = _interrupt_and_resume(monkeypatch, train_gan, run, path, writes=4, calls=5)
    _assert_same_weights(load_file(path), weights)
    assert _numbers(resumed).equals(_numbers(history))


def test_the_average_never_leaks_into_the_trained_generator(project):
    states = {}
    for decay in (0.2, 0.999):
        run = tiny_config(gan={"ema_decay": decay})
        write_embeddings(run)
        train_gan(run)
        states[decay] = torch.load(run.run_dir / "gan.ckpt")
        forget_training(run)
    for part in ("generator", "discriminators"):
        _assert_same_weights(states[0.2][part], states[0.999][part])
    name = "module.to_rgb.0.0.weight"
    assert not torch.equal(states[0.2]["average"][name], states[0.999]["average"][name])


def test_the_written_generator_is_the_average(project):
    run = tiny_config()
    write_embeddings(run)
    train_gan(run)
    average = torch.load(run.run_dir / "gan.ckpt")["average"]
    assert average.pop("n_averaged") == run.gan.steps
    written = load_file(run.run_dir / "generator.safetensors")
    _assert_same_weights(written, {name.removeprefix("module."): value for name, value in average.items()})


def test_the_average_moves_by_its_formula():
    module = nn.BatchNorm1d(3)
    average = averaged(module, decay=0.9)
    average.n_averaged.fill_(1000)  # late in a run
    module(torch.randn(8, 3, generator=torch.Generator().manual_seed(0)) + 2)
    nn.init.constant_(module.weight, 5.0)
    before, source = copy.deepcopy(average.module.state_dict()), copy.deepcopy(module.state_dict())
    average.update_parameters(module)
    for name in ("weight", "bias", "running_mean", "running_var"):
        torch.testing.assert_close(average.module.state_dict()[name], 0.9 * before[name] + 0.1 * source[name])
    assert average.module.num_batches_tracked == 1
    _assert_same_weights(module.state_dict(), source)


def test_the_average_of_an_early_step_forgets_the_untrained_weights():
    module, modules = nn.Linear(1, 1), [nn.Linear(1, 1) for _ in range(2)]
    average = averaged(module, decay=0.9)
    average.update_parameters(modules[0])
    assert torch.equal(average.module.weight, modules[0].weight)  # of the untrained ones nothing is left
    average.update_parameters(modules[1])
    early = 2 / 11  # (step + 1) / (step + 10) at step 1
    expected = early * modules[0].weight.item() + (1 - early) * modules[1].weight.item()
    assert average.module.weight.item() == pytest.approx(expected)


def test_without_averaging_the_last_weights_are_kept():
    module, average = nn.Linear(1, 1), averaged(nn.Linear(1, 1), decay=0.0)
    average.n_averaged.fill_(1000)
    average.update_parameters(module)
    assert torch.equal(average.module.weight, module.weight)


@pytest.mark.parametrize("recipe", MODELS)
def test_a_batch_of_one_class_does_no_harm(project, recipe):
    run = tiny_config(recipe=recipe)
    torch.manual_seed(0)
    generator, discriminators = build_gan(run.gan, EMBEDDING_DIM)
    optimizers = {
        "generator": torch.optim.Adam(generator.parameters()),
        "discriminators": torch.optim.Adam(discriminators.parameters()),
    }
    batch = Batch(torch.rand(4, 3, 16, 16), torch.randn(4, EMBEDDING_DIM), torch.zeros(4, dtype=torch.long))
    values = GAN_STEPS[run.gan.model](Networks(generator, discriminators, optimizers, run.gan), batch, 0)
    assert np.isfinite(list(values.values())).all()
    assert all(torch.isfinite(p).all() for network in (generator, discriminators) for p in network.parameters())


@pytest.mark.parametrize("recipe", MODELS)
def test_a_gan_step_trains_every_network(project, recipe):
    run = tiny_config(recipe=recipe)
    write_embeddings(run)
    train_gan(run)
    torch.manual_seed(run.seed)
    fresh = dict(zip(("generator", "discriminators"), build_gan(run.gan, EMBEDDING_DIM)))
    trained = torch.load(run.run_dir / "gan.ckpt")
    for part, network in fresh.items():
        unchanged = {name for name, p in network.named_parameters() if torch.equal(p, trained[part][name])}
        # where all hinges are open, real and other pictures cancel in these
        assert unchanged <= {"0.realism.1.bias", "0.patch.1.bias"}


def test_a_batch_pairs_images_with_sentences_and_labels(project):
    run = tiny_config()
    write_embeddings(run)
    data = load_gan_data(run)
    batch = data.batch(64, np.random.default_rng(3))
    images, embedding, labels = batch.images, batch.embedding, batch.labels
    assert images.shape == (64, 3, 16, 16) and images.min() >= -1 and images.max() <= 1
    class_of = {row.numpy().tobytes(): int(label) for rows, label in zip(data.embeddings, data.labels) for row in rows}
    assert labels.tolist() == [class_of[row.numpy().tobytes()] for row in embedding]
    known = to_signed(data.images)
    for image, label in zip(images, labels):
        same = (known == image).flatten(1).all(1) | (known == image.flip(-1)).flatten(1).all(1)
        assert label in data.labels[same]


def test_pictures_are_drawn_again_for_whoever_trains_for_long(project):
    run = tiny_config()
    write_embeddings(run)
    once = load_gan_data(run)
    more = load_gan_data(run.model_copy(update={"gan": run.gan.model_copy(update={"redrawn": 2})}))
    count, dataset = len(once.labels), load_dataset(run.dataset, "train", run.data_dir)
    assert len(more.images) == 3 * count and torch.equal(more.images[:count], once.images)
    assert torch.equal(more.labels, once.labels) and torch.equal(more.embeddings, once.embeddings)
    taught = np.flatnonzero(~set_aside(run, dataset))
    for place, number in ((0, 0), (1, 1), (count - 1, 1)):
        record = dataset[int(taught[place])]
        rng = np.random.default_rng([run.data.seed, record.label, record.row, 2, number])
        drawn = rendered_spec(run.dataset).draw(record.attributes, rng, run.data.image_size)
        small = shrink(torch.tensor(drawn).permute(2, 0, 1)[None], run.gan.image_size)[0]
        assert torch.equal(more.images[(1 + number) * count + place], small)
        assert not torch.equal(small, once.images[place])


def test_a_picture_that_is_drawn_again_keeps_its_sentences(project):
    run = tiny_config()
    write_embeddings(run)
    data = load_gan_data(run.model_copy(update={"gan": run.gan.model_copy(update={"redrawn": 2})}))
    batch, count = data.batch(64, np.random.default_rng(3)), len(data.labels)
    known, drawn = to_signed(data.images), set()
    for image, embedding, label in zip(batch.images, batch.embedding, batch.labels):
        same = (known == image).flatten(1).all(1) | (known == image.flip(-1)).flatten(1).all(1)
        place = int(torch.nonzero(same)[0])
        assert label == data.labels[place % count] and (data.embeddings[place % count] == embedding).all(1).any()
        drawn.add(place // count)
    assert drawn == {0, 1, 2}


def test_a_step_never_calls_a_matching_sentence_mismatched():
    """The mismatched pairs of a step have their own loss: their logits must come from neighbours of different classes."""
    run, seen = tiny_config(), []
    torch.manual_seed(0)
    generator, discriminators = build_gan(run.gan, EMBEDDING_DIM)
    optimizers = {
        "generator": torch.optim.SGD(generator.parameters(), 0.0),
        "discriminators": torch.optim.SGD(discriminators.parameters(), 0.0),
    }
    logits_of, mismatched_loss = discriminators[0].conditional_logits, losses.discriminator_mismatch_loss
    labels = torch.tensor([0, 0, 1, 2, 2])
    sentences = torch.randn(3, EMBEDDING_DIM)[labels]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discriminators[0], "conditional_logits", lambda f, *c: seen.append((c, logits_of(f, *c))) or seen[-1][1])
        patch.setattr(
            losses,
            "discriminator_mismatch_loss",
            lambda logits, mask: seen.append(logits[mask]) or mismatched_loss(logits, mask),
        )
        networks = Networks(generator, discriminators, optimizers, run.gan)
        stackgan_step(networks, Batch(torch.rand(5, 3, 16, 16), sentences, labels), 0)
    (matching, _), *mismatched = zip(*seen[0])  # the first four pairs share the features of the real images
    counted = next(entry for entry in seen if torch.is_tensor(entry))
    expected = [[k for k in range(5) if not torch.equal(condition[k], matching[k])] for condition, _ in mismatched]
    assert expected == [[1, 2, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
    assert torch.equal(counted, torch.cat([logits[rows] for (_, logits), rows in zip(mismatched, expected)]))


# --- generation ---


def test_generate_refuses_the_training_mode():
    run = tiny_config()
    generator, _ = build_gan(run.gan, EMBEDDING_DIM)
    with pytest.raises(ValueError, match=r"call generator.eval\(\)"):
        generate(generator, torch.zeros(2, EMBEDDING_DIM), run)


@pytest.mark.parametrize("recipe", MODELS)
def test_generated_images_do_not_depend_on_the_batch_size(recipe):
    run = tiny_config(recipe=recipe, gan={"augment_condition": False})
    torch.manual_seed(0)
    generator, embeddings = build_gan(run.gan, EMBEDDING_DIM)[0].eval(), torch.randn(7, EMBEDDING_DIM)
    images = generate(generator, embeddings, run, seed=5)
    assert images.shape == (7, 3, 16, 16) and images.min() >= -1 and images.max() <= 1
    parts = generate(generator, embeddings, run, seed=5, batch_size=2)
    torch.testing.assert_close(parts, images, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(generate(generator, embeddings, run, seed=6), images)


def test_a_missing_model_names_the_cure(project):
    with pytest.raises(FileNotFoundError, match="run_all.sh"):
        load_speech_model(tiny_config())


# --- the parts of the loops ---


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_covers_everything_once(items, size, seed, epoch):
    batches = epoch_batches(items, size, seed, epoch)
    covered = np.concatenate(batches)
    assert len(set(covered)) == len(covered) and set(covered) <= set(range(items))
    assert len(covered) == items if items < size else items - len(covered) < size
    assert all(len(batch) == min(size, items) for batch in batches)


def test_epochs_are_shuffled_differently():
    one, other = (np.concatenate(epoch_batches(50, 10, 0, epoch)) for epoch in (0, 1))
    assert one.tolist() != other.tolist() != sorted(other)


def test_the_learning_rate_warms_up_and_decays_to_zero():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule, rates = rate_schedule(optimizer, 200), []
    for _ in range(200):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:4] == pytest.approx([0.5, 1.0, 1.5, 2.0], rel=1e-2)
    assert rates[100] == pytest.approx(1.0) and rates[-1] < 1e-3 and rates[4:] == sorted(rates[4:], reverse=True)


def test_a_constant_learning_rate_only_warms_up():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule, rates = rate_schedule(optimizer, 200, constant=True), []
    for _ in range(200):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:4] == pytest.approx([0.5, 1.0, 1.5, 2.0]) and set(rates[3:]) == {2.0}


def test_time_masks_silence_short_stretches():
    torch.manual_seed(0)
    log_mel, lengths = torch.randn(6, 40, 120), torch.tensor([120, 110, 100, 90, 80, 70])
    original = log_mel.clone()
    masked = mask_time(log_mel, lengths, masks=2, width=20)
    assert torch.equal(log_mel, original)
    changed = (masked != original).any(1).sum(1)
    assert changed.max() <= 40 and changed.sum() > 0
    assert torch.equal(mask_time(log_mel, lengths, masks=0), original)


def test_stretches_of_sentences_are_masked_too():
    batch, lengths = Sentences(["a red bird", "white wings and a black tail"]).batch([0, 1])
    torch.manual_seed(0)
    masked = [mask_time(batch, lengths, *MASKS[Sentences]) for _ in range(20)]
    blank = int(encode_characters(" "))
    changed = torch.stack([each != batch for each in masked])
    assert changed.any() and all((each == blank)[other].all() for each, other in zip(masked, changed))
    assert changed.sum(2).max() <= 6 and not changed[:, 0, 10:].any()  # two stretches of three, none behind the end


def test_what_is_ours_can_be_left_out(project):
    run = tiny_config(recipe="as_printed", encoder={"target_dim": None})
    history = train_encoder(run)
    assert np.isfinite(history.loss).all()
    data, model = load_speech_data(run, "train"), load_speech_model(run)
    lengths = np.linalg.norm(embed_inputs(model, data.inputs, run), axis=1)
    assert lengths.std() > 1e-3 * lengths.mean()  # not all alike
    paper = tiny_config(encoder={"target_dim": None})
    torch.testing.assert_close(
        next(encoder_batches(data, run, epoch=0))[0], data.inputs.batch(epoch_batches(len(data.image_of), 8, 0, 0)[0])[0]
    )
    assert not torch.equal(next(encoder_batches(data, paper, epoch=0))[0], next(encoder_batches(data, run, epoch=0))[0])


def test_states_are_disturbed_in_bands_of_channels_and_by_noise():
    torch.manual_seed(0)
    states = torch.randn(16, 384, 12)
    disturbed = disturb_states(states)
    silent = (disturbed == 0).all(dim=2)
    assert 20 < silent.sum(1).float().mean() < 140 and silent.sum(1).max() <= 2 * 0.2 * 384
    bands = (silent[:, 1:].int() - silent[:, :-1].int() == 1).sum(1) + silent[:, 0]
    assert bands.max() <= 2
    left = ~silent[..., None].expand_as(states)
    assert 0.25 < (disturbed - states)[left].std() < 0.35


def test_targets_are_standardised():
    features = torch.randn(500, 4) * torch.tensor([1.0, 5.0, 2.0, 30.0]) + 7
    targets = TargetSpace(4).fit(features[:, None], np.zeros(500))(features)
    torch.testing.assert_close(targets.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(targets.std(0), torch.ones(4))


def test_class_means_of_discriminant_targets_are_white():
    torch.manual_seed(0)
    labels = np.repeat(np.arange(12), 50)
    features = (torch.randn(12, 6)[labels] + 0.1 * torch.randn(600, 6)) @ torch.randn(6, 6) + 3
    targets = TargetSpace(6, 3).fit(features[:, None], labels)(features)
    means = torch.stack([targets[labels == label].mean(0) for label in range(12)])
    torch.testing.assert_close(torch.cov(means.T), torch.eye(3), atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match="lower target_dim"):
        TargetSpace(6, 3).fit(features[:150, None], labels[:150])


def test_without_whitening_the_class_means_keep_their_variance_along_discriminant_directions():
    torch.manual_seed(0)
    labels = np.repeat(np.arange(12), 50)
    features = torch.randn(12, 6)[labels] * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.2, 0.1]) + 0.1 * torch.randn(600, 6)
    variances = {}
    for whitening in (0.0, 0.5, 1.0):
        targets = TargetSpace(6, 3, whitening).fit(features[:, None], labels)(features)
        means = torch.stack([targets[labels == label].mean(0) for label in range(12)])
        variances[whitening] = torch.cov(means.T).diagonal()
    assert variances[0.0].diff().max() < -0.01  # the first direction tells most
    torch.testing.assert_close(variances[0.5], variances[0.0].sqrt(), rtol=1e-3, atol=0)
    torch.testing.assert_close(variances[1.0], torch.ones(3), rtol=1e-3, atol=0)


def test_discriminant_targets_ignore_what_varies_within_a_class():
    torch.manual_seed(0)
    labels = np.repeat(np.arange(20), 30)
    signal, pose = torch.randn(20, 2)[labels], 10 * torch.randn(600, 2)  # the pose is five times louder than the class
    targets = TargetSpace(4, 2).fit(torch.cat([signal, pose], 1)[:, None], labels)
    weights = targets.map * torch.cat([signal, pose], 1).std(0)[:, None]
    assert weights[2:].abs().max() < 0.5 * weights[:2].abs().max()


def test_class_features_are_class_means(project):
    data = load_speech_data(tiny_config(), "train")
    means = class_mean_features(data)
    for label in set(data.labels):
        expected = data.features[data.labels == label].mean(dim=(0, 1))
        torch.testing.assert_close(means[data.labels == label], expected.expand(3, 2, -1))


def test_where_every_image_is_described_by_itself_it_is_its_own_class(project):
    data = load_speech_data(tiny_config(encoder={"positives": "image"}), "train")
    assert len(set(data.positives)) == len(data.labels) > len(set(data.labels))
    torch.testing.assert_close(class_mean_features(data)[:, 0], data.features.mean(1))
    *_, labels = next(encoder_batches(data, tiny_config(encoder={"positives": "image"}), epoch=0))
    assert set(labels.tolist()) <= set(range(len(data.labels))) and len(set(labels.tolist())) > len(set(data.labels))


@pytest.mark.parametrize("reads", [{}, {"input": "text"}])
def test_a_part_of_the_images_is_a_smaller_training_set_of_the_same_pictures_and_sentences(project, reads):
    data = load_speech_data(tiny_config(encoder=reads), "train")
    labels = sorted(set(data.labels))[1::2]
    part = data.of_images(np.isin(data.labels, labels))
    assert sorted(set(part.labels)) == labels
    assert len(part.features) == len(part.labels) == len(part.dataset) < len(data.dataset)
    assert part.inputs.lengths.tolist() == data.inputs.lengths[np.isin(data.labels[data.image_of], labels)].tolist()
    for row in (0, len(part.image_of) - 1):
        image = part.image_of[row]
        original = data.dataset.records.index(part.dataset[image])
        source = np.flatnonzero(data.image_of == original)[list(np.flatnonzero(part.image_of == image)).index(row)]
        torch.testing.assert_close(part.inputs.batch([row])[0], data.inputs.batch([source])[0])
        torch.testing.assert_close(part.features[image], data.features[original])
        assert part.labels[image] == data.labels[original]
    training = EncoderTraining(tiny_config(encoder={**reads, "epochs": 1, "target_dim": 1}), part, data)
    assert np.isfinite(training.run_epoch(0)) and "zero_shot" in training.scores()
    with pytest.raises(ValueError, match="nothing is left of birds train"):
        data.of_images(data.labels < 0)


def test_a_share_of_the_training_classes_is_set_aside(project):
    dataset = load_speech_data(tiny_config(), "train").dataset
    assert not set_aside(tiny_config(), dataset).any()
    halved = tiny_config(data={"validation_share": 0.5})
    assert sorted(set(dataset.labels[set_aside(halved, dataset)])) == [1, 3]  # of 0 to 3
    assert len(load_config("small", "birds").spec.attributes) and load_config("small", "birds").data.validation_every == 6
    taught = {name: load_config("small", name).encoder.target_dim for name in ("birds", "flowers", "rooms")}
    assert taught == {"birds": 125 * 5 // 6, "flowers": (82 - 13) * 5 // 6, "rooms": None}


def test_training_does_not_depend_on_the_test_split_nor_on_what_is_set_aside(project):
    """What is learned is the same when there is no test split, and when the classes set aside say and show something else."""
    run = tiny_config(
        recipe="recommended", data={"validation_share": 0.5}, encoder={"target_dim": 1, "epochs": 2}, gan={"steps": 10}
    )
    files = [run.run_dir / name for name in ("speech_encoder.safetensors", "generator.safetensors")]

    def learned() -> list[bytes]:
        train_encoder(run)
        data = load_speech_data(run, "train")
        embed_split(run, load_speech_model(run), "train", data)
        history = train_gan(run)
        assert history.attribute_accuracy.notna().any()
        weights = [file.read_bytes() for file in files]
        shutil.rmtree(run.run_dir)
        return weights

    before = learned()
    items = json.loads((run.data_dir / "items.json").read_text())
    (run.data_dir / "items.json").write_text(json.dumps([item for item in items if item["split"] == "train"]))
    for path in run.data_dir.glob("*_test*.npy"):
        path.unlink()
    aside = set_aside(run, load_speech_data(run, "train").dataset)
    for path in run.data_dir.glob("efficientnet_lite0_*_train.npy"):
        features = np.load(path)
        features[aside] = 1e3
        np.save(path, features)
    offsets, frames = (np.load(run.data_dir / f"log_mel_train{kind}.npy") for kind in ("_offsets", ""))
    for row in np.flatnonzero(aside[load_speech_data(run, "train").image_of]):
        frames[offsets[row] : offsets[row + 1]] = 0
    np.save(run.data_dir / "log_mel_train.npy", frames)
    assert learned() == before


def test_a_class_classifier_knows_all_classes_where_none_is_new():
    assert classifier_heads(load_config("small", "birds"), "classes")["class"] == tuple(map(str, range(150, 200)))
    assert classifier_heads(load_config("small", "rooms"), "classes")["class"] == tuple("0123456")


def test_splicing_joins_a_beginning_and_an_end():
    torch.manual_seed(0)
    log_mel, lengths, features = torch.randn(3, 40, 200), torch.tensor([200, 150, 100]), torch.eye(3)
    spliced, new_lengths, mixed = splice_inputs(log_mel, lengths, features)
    share = float(mixed[0, 0])
    assert 0.3 <= share <= 0.7
    torch.testing.assert_close(mixed[1], torch.tensor([1 - share, share, 0.0]))
    cut = int(share * 150)
    assert torch.equal(spliced[1, :, :cut], log_mel[1, :, :cut])
    assert torch.equal(spliced[1, :, cut : int(new_lengths[1])], log_mel[0, :, int(share * 200) : 200])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(64, 200), min_size=2, max_size=5))
def test_a_spliced_utterance_is_never_too_short_for_the_encoder(seed, lengths):
    seed_step(seed, 0)
    log_mel, features = torch.zeros(len(lengths), 40, max(lengths)), torch.eye(len(lengths))
    spliced, new_lengths, _ = splice_inputs(log_mel, torch.tensor(lengths), features)
    assert min(lengths) <= new_lengths.min() and new_lengths.max() == spliced.shape[2] <= max(lengths)


def test_a_coordinate_that_hardly_varies_does_not_explode():
    features = torch.randn(500, 3) * torch.tensor([1.0, 1.0, 1e-7])
    targets = TargetSpace(3).fit(features[:, None], np.zeros(500))
    assert targets(features + torch.tensor([0.0, 0.0, 0.01]))[:, 2].abs().max() < 1.0


def test_measured_weights_balance_the_terms(project):
    run = tiny_config()
    data = load_speech_data(run, "train")
    torch.manual_seed(0)
    model = SpeechModel(run, TEACHER_DIM)
    model.targets.fit(data.features, data.labels)
    before = copy.deepcopy(model.state_dict())
    weights, sizes = measure_weights(model, data, run), gradient_magnitudes(model, data, run)
    assert [float(w) * size for w, size in zip(weights, sizes.values())] == pytest.approx([sizes["jel"]] * 3)
    _assert_same_weights(model.state_dict(), before)  # measuring does not train


def test_the_image_pyramid_averages():
    images = torch.rand(2, 3, 16, 16)
    small, large = image_pyramid(images, 2)
    assert torch.equal(large, images)
    torch.testing.assert_close(small[1, 2, 3, 5], images[1, 2, 6:8, 10:12].mean())


def test_augmentation_mirrors_half_of_the_images():
    images = torch.randint(0, 256, (400, 3, 4, 4), dtype=torch.uint8)
    augmented = augment(images, np.random.default_rng(0))
    plain, mirrored = images.float() / 127.5 - 1, images.flip(-1).float() / 127.5 - 1
    is_plain = torch.isclose(augmented, plain, atol=1e-6).flatten(1).all(1)
    is_mirrored = torch.isclose(augmented, mirrored, atol=1e-6).flatten(1).all(1)
    assert (is_plain | is_mirrored).all() and 150 < is_mirrored.sum() < 250


def test_embeddings_keep_the_order_of_the_utterances(project):
    run = tiny_config()
    torch.manual_seed(0)
    model, log_mels = SpeechModel(run, TEACHER_DIM).eval(), load_log_mels(run, "test")
    assert len(set(log_mels.lengths)) > 1
    together = embed_inputs(model, log_mels, run, batch_size=3)
    for row, embedding in enumerate(together):
        alone = model.embed(log_mels[row][None], torch.tensor([log_mels.lengths[row]])).detach()
        np.testing.assert_allclose(embedding, alone[0], atol=1e-4)


def test_the_generator_gets_the_direction_of_an_embedding_only():
    torch.manual_seed(0)
    model = SpeechModel(tiny_config(), TEACHER_DIM).eval()
    batch = torch.randn(3, 40, 100), torch.tensor([100, 80, 64])
    raw, embedded = model.encoder(*batch), model.embed(*batch)
    torch.testing.assert_close(embedded.norm(dim=1), torch.full((3,), EMBEDDING_DIM**0.5))
    torch.testing.assert_close(torch.cosine_similarity(raw, embedded), torch.ones(3))


@pytest.mark.parametrize("kind, questions", [("classes", 1), ("attributes", 11)])
def test_a_classifier_is_trained_once_and_evaluated_on_the_test_images(project, kind, questions):
    run = tiny_config()
    path = classifier_path(run, kind)
    path.unlink(missing_ok=True)
    scores = train_classifier(run, kind)
    assert len(scores) == questions and scores.accuracy.between(0, 1).all() and (scores.n == 4).all()
    written = path.stat().st_mtime_ns
    assert train_classifier(run, kind).equals(scores)
    assert path.stat().st_mtime_ns == written


def test_mixed_precision_follows_the_configuration():
    for precision, expected in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with mixed_precision(tiny_config(precision=precision)):
            product = torch.ones(2, 2, device=pick_device()) @ torch.ones(2, 2, device=pick_device())
        assert product.dtype == expected


@pytest.mark.parametrize(("gain", "fast"), [(2.0, True), (1.05, False), (0.7, False)])
def test_bfloat16_is_chosen_where_it_was_measured_to_pay_and_the_measurement_kept(tmp_path, monkeypatch, gain, fast):
    if pick_device().type == "cuda" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("a GPU, or a processor that has none")
    measured = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    there = torch.cpu.get_capabilities() | {"avx512_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: there)
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: measured.append(1) or gain)
    choose = devices.has_fast_bfloat16.__wrapped__
    assert choose() == choose() == fast and len(measured) == 1
    (kept,) = tmp_path.iterdir()
    kept.write_text("damaged")
    assert choose() == fast and len(measured) == 2
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert not choose() and len(measured) == 2


@pytest.mark.parametrize(
    ("limit", "best"),
    [("", "AMX"), ("AVX512_CORE_BF16", "AVX-512 BF16"), ("AVX512_CORE", "AVX-512"), ("avx2_vnni", "AVX2"), ("SSE41", "")],
)
def test_the_instruction_set_is_the_best_that_is_there_and_allowed(monkeypatch, limit, best):
    there = dict.fromkeys(("amx_tile", "avx512_bf16", "avx512_f", "avx2"), True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: there)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit or "ALL")
    assert devices.instruction_set() == best
    there.update(amx_tile=False, avx512_bf16=False)
    assert devices.instruction_set() == (best if best in ("AVX2", "") else "AVX-512")


@torch.no_grad()
def test_the_gain_is_measured_with_gradients_wherever_it_is_asked_for():
    before = torch.random.get_rng_state()
    assert 0 < devices.bfloat16_gain(1) < 1000
    assert torch.equal(before, torch.random.get_rng_state()), "whether it was measured before would change results"


def test_the_gain_is_that_of_a_stopwatch(monkeypatch):
    ticks = iter([value for low in range(6) for value in (0, 4, 10, 12)])  # 4 s in float32, 2 s in bfloat16
    monkeypatch.setattr(devices.time, "perf_counter", lambda: next(ticks))
    assert devices.bfloat16_gain() == 2.0


def test_in_mixed_precision_too_an_update_is_seen_by_what_follows_in_the_same_step():
    torch.manual_seed(0)
    network, x = nn.Linear(8, 8), torch.randn(4, 8)
    with mixed_precision(tiny_config(precision="bfloat16")):
        before = network(x)
        _apply(torch.optim.SGD(network.parameters(), lr=1.0), before.float().square().sum())
        after = network(x)
    with mixed_precision(tiny_config(precision="bfloat16")):
        assert torch.equal(network(x), after) and not torch.equal(before, after)


@pytest.mark.parametrize("turns, ways", [(False, 2), (True, 8)])
def test_a_picture_is_mirrored_and_where_it_has_no_upper_side_turned(turns, ways):
    image = torch.arange(3 * 4 * 4, dtype=torch.uint8).reshape(1, 3, 4, 4)
    seen = augment(image.expand(200, -1, -1, -1), np.random.default_rng(0), turns)
    allowed = [side.rot90(k, (2, 3)) for side in (image, image.flip(3)) for k in range(4 if turns else 1)]
    found = {next(i for i, way in enumerate(allowed) if torch.equal(one[None], to_signed(way))) for one in seen}
    assert len(found) == len(allowed) == ways
