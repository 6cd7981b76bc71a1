"""Names for tracks and clips: a colour after the register, a noun after the drive, never twice the same."""

from needledrop_demo.scene import Scene

ALBUM = "Needledrop Demo"

COLOURS = (
    ("Amber", "Copper", "Ochre", "Rust", "Honey", "Saffron"),
    ("Coral", "Rose", "Crimson", "Garnet", "Blush", "Ruby"),
    ("Plum", "Violet", "Mauve", "Orchid", "Lilac", "Damson"),
    ("Azure", "Cobalt", "Indigo", "Sapphire", "Ice", "Slate"),
)
NOUNS = (
    ("Lullaby", "Drift", "Hush", "Mist", "Stillness", "Haze"),
    ("Walk", "Garden", "Window", "Letter", "Harbour", "Meadow"),
    ("Drive", "Circuit", "Signal", "Parade", "Current", "Carousel"),
    ("Engine", "Chase", "Storm", "Voltage", "Rush", "Thunder"),
)
ARTISTS = (
    "The Latent Factors",
    "Seed & Nuisance",
    "Latin Hypercube",
    "Gaussian Quartet",
    "Low Pass Choir",
    "Euclid's Hats",
)
CLIPS = (
    "Morning Reel", "Night Crossing", "Paper Planes", "Slow Tide", "Glass Lobby", "Station Clock",
    "Kite Weather", "Salt Flats", "Neon Alley", "First Snow", "Carousel Ride", "Empty Cinema",
)  # fmt: skip


def titles_of(scenes: list[Scene]) -> list[str]:
    """One title a scene, such as “Amber Drive”, all different; the same scenes give the same titles."""
    titles: list[str] = []
    for scene in scenes:
        colours, nouns = COLOURS[_quarter(scene.register)], NOUNS[_quarter(scene.drive)]
        first, second = scene.seed, scene.seed // 6
        options = (f"{colours[(first + a) % 6]} {nouns[(second + b) % 6]}" for b in range(6) for a in range(6))
        titles.append(next(title for title in options if title not in titles))
    return titles


def artist_of(scene: Scene) -> str:
    return ARTISTS[scene.seed % len(ARTISTS)]


def clip_title_of(index: int) -> str:
    return CLIPS[index]


def _quarter(value: float) -> int:
    return min(int(value * 4), 3)
