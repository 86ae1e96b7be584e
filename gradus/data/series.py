"""Stand-ins for time series: generated, with the cycles, trends and noise of the real ones.

Each function returns float32 (T, C), the whole span; `gradus.load` cuts it into the past, to
train with, and the rest.
"""

import numpy as np

COLUMNS = {
    "sunspots": ("Sunspots",),
    "temperatures": ("Temp",),
    "airline": ("Passengers",),
    "ett": ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"),
}


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _drift(rng: np.random.Generator, length: int, memory: float) -> np.ndarray:
    """Noise that remembers: x[t] = memory * x[t - 1] + noise, scaled to a variance of about 1."""
    noise = rng.standard_normal(length) * np.sqrt(1 - memory**2)
    values = np.empty(length)
    last = 0.0
    for t in range(length):
        last = values[t] = memory * last + noise[t]
    return values


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)[:, None]


def sunspots() -> np.ndarray:
    """(2820, 1), monthly: cycles of 9 to 13 years that rise faster than they fall; at least 0."""
    rng, values = _rng(50), []
    while len(values) < 2820:
        months, height = int(rng.integers(108, 157)), rng.uniform(50, 180)
        time = np.arange(months) / months
        values.extend(height * np.sin(np.pi * time**0.7) ** 2)
    smooth = np.array(values[:2820])
    noise = rng.standard_normal(2820) * (4 + 0.15 * smooth)
    return _column(np.round(np.maximum(smooth + noise, 0), 1))


def temperatures() -> np.ndarray:
    """(3650, 1), daily minimum in degrees Celsius: a yearly cycle and weather that lasts days."""
    day = np.arange(3650)
    weather = 2.6 * _drift(_rng(51), 3650, 0.6)
    return _column(np.round(11.2 + 4.4 * np.cos(2 * np.pi * (day - 30) / 365.25) + weather, 1))


def airline() -> np.ndarray:
    """(144, 1), monthly passengers in thousands: growth, and a season that grows with it."""
    month = np.arange(144)
    season = 0.18 * np.sin(2 * np.pi * (month - 3) / 12) + 0.06 * np.sin(4 * np.pi * month / 12)
    log = 4.75 + 0.0105 * month + season + 0.025 * _drift(_rng(52), 144, 0.6)
    return _column(np.round(np.exp(log)))


def ett() -> np.ndarray:
    """(17420, 7), hourly: six loads of a power transformer and its oil temperature, the last.

    Loads follow day and week; the oil warms with the total load, a day behind, and the season.
    """
    rng, hour = _rng(53), np.arange(17420)
    day, week = 2 * np.pi * hour / 24, 2 * np.pi * hour / 168
    shared = _drift(rng, 17420, 0.97)
    loads = []
    for scale, level in ((6, 8), (2, 2), (5, 4), (1.5, 1), (1.2, 3), (0.6, 0.8)):
        phase = rng.uniform(-0.6, 0.6)
        wave = np.sin(day - 1.5 + phase) + 0.4 * np.sin(2 * day + phase) + 0.3 * np.cos(week)
        own = _drift(rng, 17420, 0.8)
        loads.append(level + scale * (0.6 * wave + 0.5 * shared + 0.3 * own))
    total = sum(loads)
    heat = np.convolve(total, np.exp(-np.arange(96) / 24) / 24)[:17420]
    season = 10 * np.sin(2 * np.pi * (hour - 800) / 8766)
    oil = 4 + 0.5 * heat + season + 0.6 * _drift(rng, 17420, 0.9)
    return np.column_stack([*loads, oil]).round(3).astype(np.float32)
