"""A frame in float32: the operations of the C code, in the same order, in NumPy.

NumPy's float32 ``+ - * /`` and ``sqrt`` round each operation once, as C does when it is compiled without
contraction and fast-math. So every stage has the same bits, provided that each expression here is the C
code's: CMSIS-DSP 1.10.3's scalar functions, ``md_stages_scalar_f32.c`` and ``md_frontend_math.h``.
Vectorised across frames; never across a sum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcu_deploy.frontend.spec import FrontendSpec, features_stage, spectrum_bins
from mcu_deploy.frontend.tables import FftTables, Float32, MelTables, first_radix, log_factor, make_tables

Int16 = npt.NDArray[np.int16]

_HALF = np.float32(0.5)
_ONE = np.float32(1)
_TWO = np.float32(2)
_LN2_HIGH = np.float32(float.fromhex("0x1.62e4p-1"))
_LN2_LOW = np.float32(float.fromhex("0x1.7f7d1cp-20"))
_LOG_POLYNOMIAL = tuple(
    np.float32(float.fromhex(c)) for c in ("0x1.2ee8c8p-2", "0x1.997c22p-2", "0x1.55555cp-1")
)
_SQRT_HALF_BITS = np.uint32(0x3F3504F3)
_ONE_BITS = np.uint32(0x3F800000)


def frame_stages(spec: FrontendSpec, frames: Int16) -> dict[str, Float32]:
    """Every stage of frames.

    Args:
        spec: the front end, of precision ``float32``.
        frames: (n, frame_samples) int16.

    Returns:
        by stage name (`mcu_deploy.frontend.spec.stages`), an array (n, elements).
    """
    tables = make_tables(spec)
    windowed = _prepare(frames, spec) * tables.window
    padded = np.zeros((len(frames), spec.fft_size), np.float32)
    padded[:, : spec.frame_samples] = windowed
    real, imaginary = rfft(padded, tables.fft)
    spectrum = _spectrum(real, imaginary, spec)
    mel = _mel(spectrum, tables.mel)
    made = {"windowed": windowed, "spectrum": spectrum, "mel": mel, "log": _log(mel, spec)}
    if spec.kind == "mfcc":
        made["dct"] = _dct(made["log"], tables.dct)
    if features_stage(spec) == "features":
        made["features"] = standardised(made["dct" if spec.kind == "mfcc" else "log"], spec)
    return made


def standardised(features: Float32, spec: FrontendSpec) -> Float32:
    """Less ``feature_mean``, over ``feature_std``: md_standardise of ``md_frontend_math.h``."""
    if spec.feature_mean != 0:
        features = features - np.float32(spec.feature_mean)
    if spec.feature_std != 1:
        features = features / np.float32(spec.feature_std)
    return features


def _prepare(frames: Int16, spec: FrontendSpec) -> Float32:
    """Samples less their mean and with pre-emphasis."""
    x = frames.astype(np.float32)
    if spec.dc_removal:
        total = frames.sum(axis=1, dtype=np.int32).astype(np.float32)
        x -= (total / np.float32(spec.frame_samples))[:, np.newaxis]
    if spec.pre_emphasis != 0:
        before = np.concatenate([x[:, :1], x[:, :-1]], axis=1)
        x -= np.float32(spec.pre_emphasis) * before
    return x


def _log(mel: Float32, spec: FrontendSpec) -> Float32:
    if spec.log_offset != 0:
        mel = mel + np.float32(spec.log_offset)
    log = logf(np.maximum(mel, np.float32(spec.log_floor)))
    return log if spec.log == "natural" else log * log_factor(spec)


def _dct(log: Float32, matrix: Float32) -> Float32:
    """``arm_mat_vec_mult_f32``: each sum goes from the first column to the last."""
    dct = np.zeros((len(log), len(matrix)), np.float32)
    for column in range(log.shape[1]):
        dct += matrix[:, column] * log[:, column, np.newaxis]
    return dct


def logf(x: Float32) -> Float32:
    """``md_logf``: the natural logarithm of positive, normal, finite values."""
    shifted = x.view(np.uint32) + (_ONE_BITS - _SQRT_HALF_BITS)
    k = ((shifted >> np.uint32(23)).astype(np.int32) - 127).astype(np.float32)
    m = ((shifted & np.uint32(0x007FFFFF)) + _SQRT_HALF_BITS).view(np.float32)
    f = m - _ONE
    s = f / (_TWO + f)
    z = s * s
    r = ((_LOG_POLYNOMIAL[0] * z + _LOG_POLYNOMIAL[1]) * z + _LOG_POLYNOMIAL[2]) * z
    half_square = (_HALF * f) * f
    result: Float32 = k * _LN2_HIGH - ((half_square - (s * (half_square + r) + k * _LN2_LOW)) - f)
    return result


def rfft(x: Float32, tables: FftTables) -> tuple[Float32, Float32]:
    """``arm_rfft_fast_f32``, forward: real and imaginary parts of bins 0 to N/2 - 1.

    Args:
        x: (..., N) float32; N one of `mcu_deploy.frontend.spec.FFT_SIZES`.
        tables: for N.

    Returns:
        two arrays (..., N/2); the imaginary part of bin 0 holds the (real) Nyquist bin.
    """
    xr, xi = cfft(x[..., 0::2], x[..., 1::2], tables)
    sine, cosine = tables.rfft_twiddle[2::2], tables.rfft_twiddle[3::2]
    real, imaginary = np.empty_like(xr), np.empty_like(xi)
    twice_r, twice_i = xr[..., 0] + xr[..., 0], xi[..., 0] + xi[..., 0]
    real[..., 0] = _HALF * (twice_r + twice_i)
    imaginary[..., 0] = _HALF * (twice_r - twice_i)
    ar, ai = xr[..., 1:], xi[..., 1:]
    br, bi = xr[..., :0:-1], xi[..., :0:-1]
    t1, t2 = br - ar, bi + ai
    real[..., 1:] = _HALF * (((ar + br) + sine * t1) + cosine * t2)
    imaginary[..., 1:] = _HALF * (((ai - bi) + cosine * t1) - sine * t2)
    return real, imaginary


def cfft(xr: Float32, xi: Float32, tables: FftTables) -> tuple[Float32, Float32]:
    """``arm_cfft_f32``, forward, with bit reversal: arrays (..., tables.length) in and out."""
    twr, twi = tables.cfft_twiddle[0::2], tables.cfft_twiddle[1::2]
    radix = first_radix(tables.length)
    re, im = xr, xi
    if radix != 1:
        split = _split_by_2 if radix == 2 else _split_by_4
        re, im = split(xr, xi, twr, twi)
    columns = (*re.shape[:-1], radix, tables.length // radix)
    re, im = _radix8(re.reshape(columns), im.reshape(columns), twr, twi, radix)
    re, im = re.reshape(xr.shape), im.reshape(xi.shape)
    order = np.arange(tables.length)
    for a, b in (tables.bit_reversal.reshape(-1, 2) // 8).tolist():
        order[a], order[b] = order[b], order[a]
    return re[..., order], im[..., order]


def _split_by_2(xr: Float32, xi: Float32, twr: Float32, twi: Float32) -> tuple[Float32, Float32]:
    """``arm_cfft_radix8by2_f32`` up to its two columns; c and d are a quarter after a and b."""
    (ar, cr, br, dr), (ai, ci, bi, di) = _quarters(xr), _quarters(xi)
    quarter = ar.shape[-1]
    wr, wi = twr[:quarter], twi[:quarter]
    er, ei = ar - br, ai - bi
    fr, fi = dr - cr, di - ci
    re = (ar + br, cr + dr, er * wr + ei * wi, fr * wi - fi * wr)
    im = (ai + bi, ci + di, ei * wr - er * wi, fi * wi + fr * wr)
    return np.concatenate(re, axis=-1), np.concatenate(im, axis=-1)


def _split_by_4(xr: Float32, xi: Float32, twr: Float32, twi: Float32) -> tuple[Float32, Float32]:
    """``arm_cfft_radix8by4_f32`` up to its four columns.

    In each quarter the C code walks k = 1 ... from the top and, with the twiddles of k mirrored, quarter - k
    from the bottom, where some sums are in another order; 0 and the middle stand alone.
    """
    p, q = _quarters(xr), _quarters(xi)
    quarter = p[0].shape[-1]
    out_r, out_i = np.empty((4, *p[0].shape), np.float32), np.empty((4, *p[0].shape), np.float32)

    top = np.arange(quarter // 2 + 1)
    r, i = [x[..., top] for x in p], [x[..., top] for x in q]
    sum_r, difference_r = r[0] + r[2], r[0] - r[2]
    sum_i, difference_i = i[0] + i[2], i[0] - i[2]
    columns = (
        ((difference_r + i[1]) - i[3], (difference_i - r[1]) + r[3]),
        ((sum_r - r[1]) - r[3], (sum_i - i[1]) - i[3]),
        ((difference_r - i[1]) + i[3], (difference_i + r[1]) - r[3]),
    )
    out_r[0][..., top], out_i[0][..., top] = (sum_r + r[1]) + r[3], (sum_i + i[1]) + i[3]
    for c, (tr, ti) in enumerate(columns, start=1):
        wr, wi = twr[c * top], twi[c * top]
        re, im = tr * wr + ti * wi, ti * wr - tr * wi
        re[..., 0], im[..., 0] = tr[..., 0], ti[..., 0]  # not multiplied
        out_r[c][..., top], out_i[c][..., top] = re, im

    k = np.arange(1, quarter // 2)
    bottom = quarter - k
    r, i = [x[..., bottom] for x in p], [x[..., bottom] for x in q]
    sum_r, difference_r = r[0] + r[2], r[0] - r[2]
    sum_i, difference_i = i[0] + i[2], i[0] - i[2]
    out_r[0][..., bottom], out_i[0][..., bottom] = (sum_r + r[1]) + r[3], (sum_i + i[1]) + i[3]
    t0, t1 = (i[1] - i[3]) + difference_r, (difference_i - r[1]) + r[3]
    wr, wi = twr[k], twi[k]
    out_i[1][..., bottom], out_r[1][..., bottom] = t1 * wi - t0 * wr, t0 * wi + t1 * wr
    t0, t1 = (sum_r - r[1]) - r[3], (sum_i - i[1]) - i[3]
    wr, wi = twr[2 * k], twi[2 * k]
    out_i[2][..., bottom], out_r[2][..., bottom] = -t1 * wr - t0 * wi, t1 * wi - t0 * wr
    t0, t1 = (i[1] - i[3]) - difference_r, (r[3] - r[1]) - difference_i
    wr, wi = twr[3 * k], twi[3 * k]
    out_i[3][..., bottom], out_r[3][..., bottom] = t1 * wi - t0 * wr, t0 * wi + t1 * wr
    return np.concatenate(list(out_r), axis=-1), np.concatenate(list(out_i), axis=-1)


def _radix8(xr: Float32, xi: Float32, twr: Float32, twi: Float32, step: int) -> tuple[Float32, Float32]:
    """``arm_radix8_butterfly_f32`` on the last axis; ``step`` is its ``twidCoefModifier``."""
    length = xr.shape[-1]
    n2 = length
    while n2 > 1:
        n1, n2 = n2, n2 // 8
        legs = (*xr.shape[:-1], length // n1, 8, n2)
        r, i = xr.reshape(legs), xi.reshape(legs)
        re, im = _butterfly8([r[..., leg, :] for leg in range(8)], [i[..., leg, :] for leg in range(8)])
        for leg in range(1, 8):  # the first of each group is not multiplied
            index = leg * step * np.arange(1, n2)
            tr, ti = re[leg][..., 1:], im[leg][..., 1:]
            wr, wi = twr[index], twi[index]
            re[leg][..., 1:], im[leg][..., 1:] = wr * tr + wi * ti, wr * ti - wi * tr
        xr, xi = np.stack(re, axis=-2).reshape(xr.shape), np.stack(im, axis=-2).reshape(xi.shape)
        step *= 8
    return xr, xi


def _butterfly8(r: list[Float32], i: list[Float32]) -> tuple[list[Float32], list[Float32]]:
    """One radix-8 butterfly, before its twiddles: real and imaginary parts of its eight legs."""
    c81 = np.float32(0.70710678118)
    r1, r5, r2, r6 = r[0] + r[4], r[0] - r[4], r[1] + r[5], r[1] - r[5]
    r3, r7, r4, r8 = r[2] + r[6], r[2] - r[6], r[3] + r[7], r[3] - r[7]
    s1, s5, s2, s6 = i[0] + i[4], i[0] - i[4], i[1] + i[5], i[1] - i[5]
    s3, s7, s4, s8 = i[2] + i[6], i[2] - i[6], i[3] + i[7], i[3] - i[7]
    # Even legs.
    t1, r1, r3, r2 = r1 - r3, r1 + r3, r2 - r4, r2 + r4
    t2, s1, s3, s2 = s1 - s3, s1 + s3, s2 - s4, s2 + s4
    re = {0: r1 + r2, 4: r1 - r2, 2: t1 + s3, 6: t1 - s3}
    im = {0: s1 + s2, 4: s1 - s2, 2: t2 - r3, 6: t2 + r3}
    # Odd legs.
    r1, r6 = (r6 - r8) * c81, (r6 + r8) * c81
    s1, s6 = (s6 - s8) * c81, (s6 + s8) * c81
    t1, r5, r8, r7 = r5 - r1, r5 + r1, r7 - r6, r7 + r6
    t2, s5, s8, s7 = s5 - s1, s5 + s1, s7 - s6, s7 + s6
    re |= {1: r5 + s7, 7: r5 - s7, 5: t1 + s8, 3: t1 - s8}
    im |= {1: s5 - r7, 7: s5 + r7, 5: t2 - r8, 3: t2 + r8}
    return [re[leg] for leg in range(8)], [im[leg] for leg in range(8)]


def _quarters(x: Float32) -> list[Float32]:
    return np.split(x, 4, axis=-1)


def _spectrum(real: Float32, imaginary: Float32, spec: FrontendSpec) -> Float32:
    """``arm_cmplx_mag_f32`` or ``arm_cmplx_mag_squared_f32`` of the bins that filters may weigh."""
    bins = spectrum_bins(spec)
    re, im = real[:, :bins], imaginary[:, :bins].copy()
    im[:, 0] = 0  # the Nyquist bin lies there
    power: Float32 = re * re + im * im
    return power if spec.spectrum == "power" else np.sqrt(power)


def _mel(spectrum: Float32, tables: MelTables) -> Float32:
    """``arm_dot_prod_f32`` for each filter: all filters' n-th products are added together."""
    starts = np.cumsum(tables.length, dtype=np.int64) - tables.length
    mel = np.zeros((len(spectrum), len(tables.first)), np.float32)
    for n in range(int(tables.length.max())):
        filters = np.flatnonzero(tables.length > n)
        mel[:, filters] += spectrum[:, tables.first[filters] + n] * tables.weights[starts[filters] + n]
    return mel
