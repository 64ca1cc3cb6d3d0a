"""Training of the speech or text encoder (Section III-D1, Eq. 6)."""

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from s2i_lib import losses, metrics
from s2i_lib.audio import collate_log_mels
from s2i_lib.config import Config
from s2i_lib.devices import configure_gpu, mixed_precision, pick_device
from s2i_lib.features import LogMels, Sentences, SpeechData, States, embeddings_path, load_speech_data, set_aside
from s2i_lib.files import save_array
from s2i_lib.identity import network_fingerprint
from s2i_lib.inference import embed_inputs
from s2i_lib.models.checkpoint import encoder_path, save_weights
from s2i_lib.models.student import SpeechModel
from s2i_lib.models.text_encoder import encode_characters
from s2i_lib.progress import bar
from s2i_lib.training import distributed
from s2i_lib.training.common import STUDENT_SECTIONS, Checkpoint, adam, averaged, epoch_batches, rate_schedule, seed_step

# two stretches of each utterance, about as long as two tenths of a second, and what stands for silence
MASKS = {LogMels: (20, None), States: (3, States.padding), Sentences: (3, int(encode_characters(" ")))}
MASKED_SHARE, STATE_NOISE = 0.2, 0.3  # of the channels, at most; in deviations of the states


def class_mean_features(data: SpeechData) -> torch.Tensor:
    """(N, 2, D) teacher features in which every image has the mean of its class, or of whatever else are its ``positives``.

    No sentence tells the pose or the background; averaging over the class takes them out of what the student aims at.
    """
    features = data.features.clone()
    for label in np.unique(data.positives):
        features[data.positives == label] = data.features[data.positives == label].mean(dim=(0, 1))
    return features


def mask_time(
    batch: torch.Tensor, lengths: torch.Tensor, width: int = 20, silence: float | None = None, masks: int = 2
) -> torch.Tensor:
    """Silence `masks` random stretches of up to `width` frames in each utterance of a (B, C, T) batch (SpecAugment), or of
    characters in each sentence of a (B, T) batch.

    `silence` is what stands for it, by default the smallest value of the batch.
    """
    batch, silent = batch.clone(), batch.amin() if silence is None else silence
    for row, length in zip(batch, lengths.tolist()):
        for _ in range(masks):
            start = int(torch.randint(0, length, ()))
            row[..., start : min(start + int(torch.randint(0, width + 1, ())), length)] = silent
    return batch


def disturb_states(states: torch.Tensor) -> torch.Tensor:
    """Silence two bands of up to a fifth of the channels in each utterance of (B, C, T) states, and add noise to all.

    The states of a frozen encoder are as clean as their recordings, and a small network on them learns utterances by heart: on
    validation classes it was right in 0.868 of sentences with both, 0.858 without.
    """
    channels, widest = torch.arange(states.shape[1])[None], int(MASKED_SHARE * states.shape[1])
    states = states + STATE_NOISE * states.std() * torch.randn_like(states)
    for _ in range(2):
        widths, starts = (torch.randint(most, (len(states), 1)) for most in (widest + 1, states.shape[1]))
        states = states.masked_fill(((channels >= starts) & (channels < starts + widths))[..., None], 0.0)
    return states


def splice_inputs(
    batch: torch.Tensor, lengths: torch.Tensor, features: torch.Tensor, padding: float = LogMels.padding
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cut a batch: the beginning of each utterance, the end of its neighbour, and both (B, D) features mixed.

    The training classes are few combinations, and a network memorises them: from three colours it infers the
    rest of the one bird that has them. A sentence that is half of one bird and half of another has to be encoded as it is.

    Args:
        batch: (B, C, T) frames, or the (B, T) characters of sentences.
        lengths: (B,) lengths in frames or characters.
        features: (B, D) teacher features.
        padding: what is put behind the ends.

    Returns:
        Inputs, lengths and features of the spliced utterances.
    """
    share, parts = 0.3 + 0.4 * float(torch.rand(())), []
    for row, length, other, other_length in zip(batch, lengths.tolist(), batch.roll(1, 0), lengths.roll(1).tolist()):
        ends = other[..., int(share * other_length) : other_length]
        parts.append(torch.cat([row[..., : int(share * length)], ends], dim=-1))
    spliced, lengths = collate_log_mels(parts, padding)
    return spliced, lengths, share * features + (1 - share) * features.roll(1, 0)


def encoder_batches(
    data: SpeechData, config: Config, epoch: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Inputs, lengths, teacher features of a random view and labels, for every batch of one epoch."""
    padding = getattr(data.inputs, "padding", 0.0)
    heard = _heard(data, config, epoch)
    for step, places in enumerate(epoch_batches(len(heard), config.encoder.batch_size, config.seed, epoch)):
        rng, rows = seed_step(config.seed, epoch * 100_000 + step), distributed.shard(heard[places])
        images = data.image_of[rows]
        inputs, lengths = data.inputs.batch(rows)
        features = data.features[images, rng.integers(0, data.features.shape[1], len(rows))]
        labels = torch.from_numpy(data.positives[images])
        if isinstance(data.inputs, States):
            inputs = disturb_states(inputs)
        if config.encoder.masking:
            inputs = mask_time(inputs, lengths, *MASKS[type(data.inputs)])
        if config.encoder.splice and step % 2:
            inputs, lengths, features = splice_inputs(inputs, lengths, features, padding)
            labels = torch.arange(len(rows))  # every spliced sentence is a class of its own
        yield inputs, lengths, features, labels


def _heard(data: SpeechData, config: Config, epoch: int) -> NDArray[np.int64]:
    """What is learned from in one epoch: all utterances, or a random one of each image, another one in every epoch."""
    if not config.encoder.one_caption:
        return np.arange(len(data.image_of))
    order = np.random.default_rng([config.seed, epoch, 1]).permutation(len(data.image_of))
    return order[np.unique(data.image_of[order], return_index=True)[1]]


class EncoderTraining:
    """Everything that ``train_encoder`` works with: the data of both splits, the student, its average and its optimiser.

    Args:
        config: of the run.
        data: what is learned from.  unseen: what the learning curve is scored on, if anything.
    """

    def __init__(self, config: Config, data: SpeechData, unseen: SpeechData | None):
        self.config, self.settings, self.device = config, config.encoder, pick_device()
        self.data, self.unseen = data, unseen
        torch.manual_seed(config.seed)
        model = SpeechModel(config, self.data.features.shape[-1])
        model.targets.fit(self.data.features, self.data.labels)
        if self.settings.class_mean_targets:
            self.data.features = class_mean_features(self.data)
        self.model = model.to(self.device)
        if self.settings.loss in losses.TERMS and self.settings.weights == "balanced":
            self.model.weights = distributed.broadcast(measure_weights(self.model, self.data, config))
        self.average = averaged(self.model, self.settings.ema_decay)
        self.optimizer = adam(self.model, self.settings.learning_rate, weight_decay=self.settings.weight_decay)
        self.steps_per_epoch = max(1, len(_heard(self.data, config, epoch=0)) // self.settings.batch_size)
        total = self.settings.epochs * self.steps_per_epoch
        self.schedule = rate_schedule(self.optimizer, total, constant=self.settings.ema_decay > 0)

    def checkpoint(self, path: Path) -> Checkpoint:
        """All that changes in training, in a file; what is there already is read from it."""
        return Checkpoint(
            path,
            network_fingerprint(self.config, *STUDENT_SECTIONS),
            model=self.model,
            average=self.average,
            optimizer=self.optimizer,
            schedule=self.schedule,
        )

    def run_epoch(self, epoch: int) -> float:
        """One pass over the training utterances; returns the mean loss."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        self.model.train()
        for inputs, lengths, features, labels in encoder_batches(self.data, self.config, epoch):
            with mixed_precision(self.config):
                speech = self.model.encoder(inputs.to(self.device), lengths)
            loss = self.model.loss(speech, self.model.targets(features.to(self.device)), labels.to(self.device))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            distributed.all_reduce_gradients(self.model.parameters())
            if self.settings.clipping:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clipping)
            self.optimizer.step()
            self.schedule.step()
            self.average.update_parameters(self.model)
            total += loss.detach()  # read once per epoch: a GPU is not made to wait
        return total.item() / self.steps_per_epoch

    def scores(self) -> dict[str, float]:
        """For the learning curve: accuracy on what was set aside, and the gradient magnitudes of the terms of Eq. 6."""
        row = score_unseen(cast(SpeechModel, self.average.module), self.unseen, self.config) if self.unseen else {}
        if self.settings.loss in losses.TERMS:
            magnitudes = gradient_magnitudes(self.model, self.data, self.config, batches=2)
            row |= {f"gradient_{name}": size for name, size in magnitudes.items()}
        return row


def train_encoder(config: Config) -> pd.DataFrame:
    """Train the speech (or text) encoder of a run and write ``<input>_encoder.safetensors`` into its folder.

    The classes set aside are scored along the way for the learning curve; the test split is not read. What is scored and kept
    is the exponential moving average of the weights where the configuration asks for one (``ema_decay``), else the last
    weights.

    Returns:
        One row per epoch: ``epoch``, ``loss``, ``seconds`` and, now and then, ``zero_shot``, ``class_mean`` and, for the
        terms of Eq. 6, their unweighted gradient magnitudes ``gradient_jel``, ``gradient_norm`` and ``gradient_kdl``.
    """
    configure_gpu(config)
    data = load_speech_data(config, "train")
    aside = set_aside(config, data.dataset)
    training = EncoderTraining(config, data.of_images(~aside), data.of_images(aside) if aside.any() else None)
    checkpoint, epochs = training.checkpoint(encoder_path(config).with_suffix(".ckpt")), config.encoder.epochs
    distributed.barrier()  # until all have read it: none may go ahead and write the next one
    with bar(
        total=epochs, initial=checkpoint.position, desc=f"{config.encoder.input} encoder ({config.recipe})", unit="epoch"
    ) as shown:
        while checkpoint.position < epochs:
            started, epoch = time.monotonic(), checkpoint.position
            loss = training.run_epoch(epoch)
            row = {"epoch": epoch + 1, "loss": loss, "seconds": time.monotonic() - started}
            if (epoch + 1) % max(1, epochs // 8) == 0 or epoch + 1 == epochs:
                row |= training.scores()
                shown.set_postfix({key: f"{value:.2f}" for key, value in row.items() if key != "epoch"})
            checkpoint.history.append(row)
            checkpoint.save(epoch + 1, force=epoch + 1 == epochs)
            shown.update()
    if distributed.rank() == 0:
        save_weights(training.average.module, encoder_path(config))
    return pd.DataFrame(checkpoint.history)


def measure_weights(model: SpeechModel, data: SpeechData, config: Config, batches: int = 8) -> torch.Tensor:
    """Loss weights by the paper's recipe: equal gradient magnitudes of the three terms on f_s, over the first batches.

    Returns:
        (3,) weights of JEL, norm and KDL; JEL's is 1.
    """
    sizes = gradient_magnitudes(model, data, config, batches)
    return torch.tensor(list(losses.balanced_weights(sizes).values()), device=next(model.parameters()).device)


def gradient_magnitudes(model: SpeechModel, data: SpeechData, config: Config, batches: int = 8) -> dict[str, float]:
    """Mean absolute gradient of each term of Eq. 6 with respect to the speech embeddings, over some batches."""
    device, collected = next(model.parameters()).device, []
    state = copy.deepcopy(model.state_dict())  # a forward pass moves the running statistics of the normalisation
    model.train()
    for _, (inputs, lengths, features, labels) in zip(range(batches), encoder_batches(data, config, epoch=0)):
        speech = model.encoder(inputs.to(device), lengths)
        terms = losses.teacher_student_terms(speech, model.targets(features.to(device)), labels.to(device))
        collected.append(losses.gradient_magnitudes(terms, speech))
    model.load_state_dict(state)
    return {name: float(np.mean([sizes[name] for sizes in collected])) for name in collected[0]}


def score_unseen(model: SpeechModel, unseen: SpeechData, config: Config) -> dict[str, float]:
    """Zero-shot class accuracy per sentence and by class mean on the unseen classes.

    A classifier has no place in the teacher's space, so there is nothing to score.
    """
    if config.encoder.loss == "classifier":
        return {}
    speech = embed_inputs(model, unseen.inputs, config)
    with torch.no_grad():
        image = model.targets(unseen.features[:, 0].to(next(model.parameters()).device)).cpu().numpy()
    arguments = speech, unseen.labels[unseen.image_of], image, unseen.labels
    return {"zero_shot": metrics.zero_shot_accuracy(*arguments), "class_mean": metrics.class_mean_accuracy(*arguments)}


def write_embeddings(config: Config, model: SpeechModel, split: str, data: SpeechData) -> NDArray[np.float32]:
    """Embed every utterance of a split, write ``embeddings_<split>.npy`` and return the (U, D) embeddings."""
    embeddings = embed_inputs(model, data.inputs, config)
    save_array(embeddings_path(config, split), embeddings)
    return embeddings
