"""The constants of a float32 front end in the order in which Helium code reads them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcu_deploy.frontend.parts import Table
from mcu_deploy.frontend.spec import FrontendSpec, spectrum_bins
from mcu_deploy.frontend.tables import FftTables, Float32, FrontendTables, MelTables, Uint16, first_radix

HELIUM_PREFIX = "helium_"
"""Of these tables' names."""

_LANES = 4


def helium_tables(spec: FrontendSpec, tables: FrontendTables) -> tuple[Table, ...]:
    """What ``md_rfft_helium_f32.c`` and ``md_stages_helium_f32.c`` read besides the scalar code's tables.

    Args:
        spec: a spectral front end.
        tables: its constants.
    """
    first, length, weights = mel_groups(tables.mel, spectrum_bins(spec))
    made = [
        Table(
            "helium_sources",
            butterfly_sources(tables.fft),
            "Byte offsets of the last radix-8 stage's butterflies for each second frequency.",
        ),
        Table("helium_mel_first", first, "The bin from which on each filter's weights stand."),
        Table("helium_mel_length", length, "Weights of each filter of a group of four."),
        Table("helium_mel_weights", weights, "Group by group, bin by bin, those of four filters."),
    ]
    twiddles = stage_twiddles(tables.fft)
    if twiddles.size:
        comment = "For every two butterflies of a radix-8 stage cos and sin of the legs 1 to 7."
        made.append(Table("helium_twiddles", twiddles, comment))
    if len(tables.dct):
        made.append(Table("helium_dct", dct_groups(tables.dct), "Groups of four rows, column by column."))
    return tuple(made)


def stage_twiddles(fft: FftTables) -> Float32:
    """The twiddles of the radix-8 stages but the last, in the order of use.

    Returns:
        flat; each stage of groups of 8 * span values has span / 2 blocks: legs 1 to 7, for each the
        cos and sin of two butterflies. Stages from the greatest span on; the last, of span 1, has none.
    """
    twiddle = fft.cfft_twiddle.reshape(-1, 2)
    blocks = [np.empty(0, np.float32)]
    span = fft.length // first_radix(fft.length) // 8
    while span > 1:
        butterfly = np.arange(span).reshape(-1, 1, 2)
        leg = np.arange(1, 8).reshape(1, 7, 1)
        blocks.append(twiddle[leg * butterfly * (fft.length // (8 * span))].ravel())
        span //= 8
    return np.concatenate(blocks)


def butterfly_sources(fft: FftTables) -> Uint16:
    """Where the butterfly that makes frequency 2n (and those length / 8 further on) begins.

    Returns:
        (length / 16,) byte offsets of complex values.
    """
    where = np.arange(fft.length)
    for a, b in (fft.bit_reversal.reshape(-1, 2) // 8).tolist():
        where[a], where[b] = where[b], where[a]
    return (8 * where[: fft.length // 8 : 2]).astype(np.uint16)


def mel_groups(mel: MelTables, bins: int) -> tuple[Uint16, Uint16, Float32]:
    """The filters in groups of four, made equally long by zeros, which lie within the spectrum.

    Args:
        mel: the filters.
        bins: of the spectrum.

    Returns:
        for each filter its first bin, for each group the length, and the weights (length, 4) of all
        groups, flat. Filters that fill up the last group weigh nothing.
    """
    count = len(mel.first)
    groups = -(-count // _LANES)
    starts = np.cumsum(mel.length, dtype=np.int64) - mel.length
    first = np.zeros(_LANES * groups, np.uint16)
    lengths = np.zeros(groups, np.uint16)
    blocks: list[npt.NDArray[np.float32]] = []
    for group in range(groups):
        members = range(_LANES * group, min(_LANES * (group + 1), count))
        longest = int(mel.length[members.start : members.stop].max())
        block = np.zeros((longest, _LANES), np.float32)
        for lane, i in enumerate(members):
            begin = min(int(mel.first[i]), bins - longest)
            offset, length = int(mel.first[i]) - begin, int(mel.length[i])
            block[offset : offset + length, lane] = mel.weights[starts[i] : starts[i] + length]
            first[i] = begin
        lengths[group] = longest
        blocks.append(block.ravel())
    return first, lengths, np.concatenate(blocks)


def dct_groups(dct: Float32) -> Float32:
    """Rows in groups of four, the last filled up with zeros: (groups, columns, 4), flat."""
    rows, columns = dct.shape
    padded = np.zeros((-(-rows // _LANES) * _LANES, columns), np.float32)
    padded[:rows] = dct
    return padded.reshape(-1, _LANES, columns).transpose(0, 2, 1).ravel()
