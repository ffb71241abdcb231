"""Tunes as sound: by FluidSynth and the sound font of the library pretty_midi, or by plain sines where it is not there.

WAV files are written and read by Python's own module wave; their record lies beside them.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import MediaError
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import Record, with_content, write_sidecar
from gdl_core.values import Audio, Notes, Tune

RATE = 44_100
"""Samples a second."""

MOST_SECONDS = 3600.0
_TAIL = 1.0  # seconds that the last notes take to fade
_PAUSE = 1.0  # seconds between two tunes
_PEAK = 0.9
_LOUD = 32_767


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write tunes, one after another, or sound as it is.

    Raises:
        MediaError: there is nothing to write, or it lasts more than an hour.
    """
    sound = value if isinstance(value, Audio) else play(value)
    channels = sound.waves.shape[1]
    from io import BytesIO

    buffer = BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes(sound.waves.astype("<i2").tobytes())
    write_bytes(path, buffer.getvalue())
    told = with_content(record, sound)
    return [path] if told is None else [path, write_sidecar(path, told)]


def read(path: Path) -> Audio:
    """Read a WAV file of 16 bits.

    Raises:
        MediaError: it cannot be read, is damaged, or is of another width.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, frames = file.getparams()[:4]
            if width != 2:
                raise MediaError(f"{path.name} has {8 * width} bits a sample; 16 are read")
            if frames > MOST_SECONDS * rate or path.stat().st_size < frames * channels * width:
                raise MediaError(
                    f"{path.name} says that it lasts {frames / rate:,.0f} s, which it does not, or too long"
                )
            data = file.readframes(frames)
            if len(data) != frames * channels * width:
                raise MediaError(f"{path.name} is cut off: not all of its {frames:,} samples are there")
    except (wave.Error, EOFError, ValueError, ZeroDivisionError) as error:
        raise MediaError(f"{path.name} is no WAV file that can be read ({error})") from error
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror or error}") from error
    return Audio(np.frombuffer(data, dtype="<i2").astype(np.int16).reshape(-1, channels), rate)


def play(value: Notes) -> Audio:
    """Return what tunes sound like, one channel; each is followed by a second of silence.

    Raises:
        MediaError: there are none, or they last more than an hour.
    """
    if not value.samples:
        raise MediaError("there are no notes to play")
    seconds = sum(60.0 * tune.beats / tune.tempo + _TAIL + _PAUSE for tune in value.samples)
    if seconds > MOST_SECONDS:
        raise MediaError(f"the tunes last {seconds:,.0f} s; an hour is the most that is written as sound")
    parts: list[NDArray[np.float64]] = []
    for tune in value.samples:
        parts += [_waves(tune), np.zeros(round(_PAUSE * RATE))]
    whole = np.concatenate(parts[:-1])
    peak = np.abs(whole).max(initial=0.0)
    if peak > 0:
        whole = whole / peak * _PEAK
    return Audio(np.round(whole * _LOUD).astype(np.int16)[:, None], RATE)


def has_fluidsynth() -> bool:
    """Return whether FluidSynth is there to play with."""
    try:
        import fluidsynth  # noqa: F401
    except (ImportError, OSError, AttributeError):  # its library is looked for when it is imported
        return False
    return True


def remark() -> str:
    """Return what is to be told of sound that is made without FluidSynth."""
    if has_fluidsynth():
        return ""
    where = "apt install libfluidsynth3, or brew install fluid-synth"
    return f"the sound is made of plain sines, for the program FluidSynth is not there: {where}"


def _waves(tune: Tune) -> NDArray[np.float64]:
    """Return the sound of one tune, as long as it lasts and its last notes fade."""
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(initial_tempo=tune.tempo)
    second = 60.0 / tune.tempo  # of a quarter note
    for voice, (name, program) in enumerate(zip(tune.voices, tune.programs, strict=True)):
        instrument = pretty_midi.Instrument(program, name=name)
        for start, length, pitch, velocity, _ in tune.notes[tune.notes[:, 4] == voice].tolist():
            begin = start * second
            note = pretty_midi.Note(int(velocity), int(pitch), begin, begin + max(length, 1e-3) * second)
            instrument.notes.append(note)
        midi.instruments.append(instrument)
    wanted = round((tune.beats * second + _TAIL) * RATE)
    if not len(tune.notes):
        return np.zeros(wanted)
    made = midi.fluidsynth(fs=RATE) if has_fluidsynth() else midi.synthesize(fs=RATE)
    fitted = np.zeros(wanted)
    made = np.asarray(made, dtype=np.float64)[:wanted]
    fitted[: len(made)] = made
    return fitted
