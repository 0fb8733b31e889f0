"""The components' wrappers: what goes to the browser arrives as data, and their sources keep the house rules."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit.testing.v1 import AppTest

from app import theme
from app.components import heatmap
from app.components._assets import MODULES, check_payload, length, number
from app.components._bundle import exports_of, imports_of
from app.components.plot import plot
from app.panels.code_words import classify

COMPONENTS = Path(theme.__file__).parent / "components"
SCRIPTS = sorted(COMPONENTS.rglob("*.js"))
STYLES = sorted(COMPONENTS.rglob("*.css"))


# ---- payloads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "names"),
    [
        (b"raw", r"data\['x'\] is a bytes"),
        (np.float32(1), r"data\['x'\] is a numpy.float32.*\.item\(\)"),
        (np.float64(1), r"data\['x'\] is a numpy.float64.*\.item\(\)"),
        ([1, {"y": np.int64(1)}], r"data\['x'\]\[1\]\['y'\] is a numpy.int64"),
        ({"y": np.zeros(3, np.float32)}, r"data\['x'\]\['y'\] is a numpy.ndarray.*top level"),
        (np.zeros((2, 2), np.float32), r"shape \(2, 2\)"),
        (np.zeros(3, np.float64), "float64 array"),
        (float("nan"), r"number\(\)"),
        ([float("-inf")], r"data\['x'\]\[0\] is -inf"),
        ({1: "x"}, "only strings can be keys"),
        ({"a"}, "is a set"),
    ],
)
def test_payloads_that_would_not_arrive_are_refused(bad: object, names: str) -> None:
    with pytest.raises(TypeError, match=names):
        check_payload({"x": bad})


def test_good_payloads_pass_unchanged() -> None:
    data: dict[str, Any] = {"a": None, "b": [1, 2.5, "x", True, (1, 2)], "c": {"d": {}}}
    assert check_payload(data) == data


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_arrays_travel_as_one_column_of_their_own_type(dtype: type) -> None:
    array: np.ndarray = np.array([0, 1, 250], dtype)
    table = check_payload({"e": array})["e"]
    assert table.num_columns == 1
    sent = table.column(0).to_numpy()
    assert sent.dtype == array.dtype
    assert np.array_equal(sent, array)


def test_numbers_and_lengths() -> None:
    assert [number(np.float32("inf")), number(np.float32(0.5)), number(float("nan"))] == ["inf", 0.5, "nan"]
    assert type(number(np.float64(2))) is float
    assert (length(3), length("10vh")) == ("3px", "10vh")


# ---- heatmaps ----------------------------------------------------------------------------------------------------


def test_small_matrices_travel_as_they_are() -> None:
    matrix = np.random.default_rng(0).normal(size=(64, 256))
    heat = heatmap(matrix)
    assert heat.pixels is None
    np.testing.assert_array_equal(heat.values, matrix.astype(np.float32).ravel())
    assert heat.vmax == -heat.vmin == np.abs(matrix).max()


def test_a_pixel_shows_the_cell_farthest_from_zero() -> None:
    matrix = np.full((512, 640), 0.01)
    matrix[101, 33] = -4.0
    matrix[300, 639] = 2.0
    heat = heatmap(matrix)
    assert heat.block == (2, 2)
    assert heat.values is None
    assert heat.pixels is not None
    pixels = heat.pixels.reshape(heat.p_rows, heat.p_cols)
    assert pixels[50, 16] == 2  # the lowest of the scale
    assert pixels[150, 319] == round(2 + 253 * 0.75)
    assert np.ptp(np.delete(pixels.ravel(), [50 * 320 + 16, 150 * 320 + 319])) == 0


def test_masked_and_not_a_number_keep_codes_of_their_own() -> None:
    matrix = np.zeros((512, 640))
    matrix[:2, :2] = -np.inf
    matrix[2:4, :2] = [[-np.inf, 1.0], [-np.inf, -np.inf]]  # one true value in the block: it is shown
    matrix[4, 0] = np.nan
    heat = heatmap(matrix)
    assert heat.pixels is not None
    column = heat.pixels.reshape(heat.p_rows, heat.p_cols)[:4, 0]
    assert column[0] == 0
    assert column[1] == 255
    assert column[2] == 1
    assert 127 <= column[3] <= 129


@pytest.mark.parametrize("shape", [(300, 300), (1, 20_000), (20_000, 1), (777, 1031)])
def test_each_cell_is_in_the_pixel_of_its_block(shape: tuple[int, int]) -> None:
    rows, cols = shape
    for row, col in {(0, 0), (rows - 1, cols - 1), (rows - 1, 0), (rows // 3, cols // 2), (0, cols - 1)}:
        matrix = np.zeros(shape)
        matrix[row, col] = 1
        heat = heatmap(matrix, scale="sequential")
        assert heat.pixels is not None
        down, across = heat.block
        pixels = heat.pixels.reshape(heat.p_rows, heat.p_cols)
        assert np.argwhere(pixels == 255).tolist() == [[row // down, col // across]]
        assert (pixels == 2).sum() == pixels.size - 1


def test_constant_and_masked_matrices_have_a_scale() -> None:
    assert heatmap(np.zeros((2, 2))).vmax == 1.0
    assert heatmap(np.full((2, 2), -np.inf)).vmax == 1.0
    with pytest.raises(ValueError, match=r"shape \(0, 3\)"):
        heatmap(np.zeros((0, 3)))


# ---- code --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["x = f'{a!r:>{w}}' + 'é'  # ü\n", "def f(:\n", "s = '''a\nb'''\n\n", "", "λ = 1"])
def test_classified_words_join_to_the_source(source: str) -> None:
    assert ["".join(text for _, text in words) for words in classify(source)] == source.splitlines()


def test_every_file_of_the_repo_classifies() -> None:
    for path in COMPONENTS.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert ["".join(text for _, text in words) for words in classify(source)] == source.splitlines()


# ---- sources -----------------------------------------------------------------------------------------------------


def test_every_component_is_a_folder_with_its_files() -> None:
    assert sorted(MODULES) == [
        "address",
        "bars",
        "change_form",
        "changes",
        "code",
        "copy_code",
        "copy_link",
        "explanation",
        "explore_panels",
        "findings",
        "first_look",
        "generate",
        "grids",
        "head_card",
        "head_ranking",
        "head_table",
        "head_tooltip",
        "heads",
        "in_words",
        "lens",
        "lens_table",
        "losses",
        "map",
        "matrix",
        "node",
        "parity_badge",
        "plot",
        "prediction",
        "prompt",
        "reconnect",
        "save",
        "supposed_sizes",
        "timeline",
        "token_line",
        "token_marks",
        "training_curves",
    ]
    for name in MODULES:
        files = {
            "__init__.py",
            f"{name}.js",
            *([] if name in ("plot", "address") else [f"{name}.css"]),
        }  # plotly brings its own styles; a place has no looks
        assert files <= {path.name for path in (COMPONENTS / name).iterdir()}, name


def test_a_plot_without_a_height_is_refused() -> None:
    with pytest.raises(ValueError, match="has no height"):
        plot(go.Figure(), key="x")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_never_turn_text_into_markup_or_reach_the_network(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") > 5  # one line would be taken for a file's path
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment", text)
    own = {  # to our own server: if it is there, and for a file that it has made
        "connection.js": 'fetch(new URL("_stcore/health", document.baseURI)',
        "files.js": "fetch(new URL(offer.url, document.baseURI)",
    }.get(path.name, "")
    assert text.count(own) == 1 or not own
    text = text.replace(own, "") if own else text
    assert not re.search(
        r"\beval\(|new Function|fetch\(|XMLHttpRequest|WebSocket\(|https?://(?!www\.w3\.org/2000/svg)", text
    )
    for imported in re.findall(r'^import .* from "([^"]+)"', text, flags=re.MULTILINE):
        assert (path.parent / imported).is_file(), imported
    assert len(text.splitlines()) <= 300


def test_the_loader_finds_the_imports_that_a_parser_finds(tmp_path: Path) -> None:
    deno = pytest.importorskip("deno", reason="needs deno, which parses scripts").find_deno_bin()
    every = tmp_path / "every.js"
    every.write_text("".join(f'import "{path.as_uri()}";\n' for path in SCRIPTS))
    told = subprocess.run([deno, "info", "--json", str(every)], check=True, capture_output=True, encoding="utf-8")
    parsed = {
        module["specifier"]: [imported["specifier"] for imported in module.get("dependencies", ())]
        for module in json.loads(told.stdout)["modules"]
    }
    assert parsed.pop(every.as_uri()) == [path.as_uri() for path in SCRIPTS]
    found = {path.as_uri(): imports_of(path.read_text(encoding="utf-8")) for path in SCRIPTS}
    assert {url: sorted(each) for url, each in found.items()} == {url: sorted(each) for url, each in parsed.items()}
    assert sum(map(len, parsed.values())) > 40


def test_the_loader_finds_the_exports_that_a_parser_finds() -> None:
    deno = pytest.importorskip("deno", reason="needs deno, which parses scripts").find_deno_bin()
    command = [deno, "doc", "--json", *map(str, SCRIPTS)]
    told = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    parsed = {url: {each["name"] for each in node["symbols"]} for url, node in json.loads(told.stdout)["nodes"].items()}
    assert {path.as_uri(): set(exports_of(path.read_text(encoding="utf-8"))) for path in SCRIPTS} == parsed
    assert sum(map(len, parsed.values())) > 200


def test_the_numbers_of_a_next_token_fit_their_columns() -> None:
    deno = pytest.importorskip("deno", reason="needs deno, which runs scripts outside a browser").find_deno_bin()
    brief, percent = (COMPONENTS / folder / "numbers.js" for folder in ("prediction", "shared"))
    logits = [sign * 10.0**power * lead for sign in (-1, 1) for power in range(-9, 39) for lead in (1, 2.3456, 9.99999)]
    probabilities = [0.0, 1e-9, 9.9e-5, 1e-4, 0.0123456, 0.0994999, 0.0995, 0.5, 0.99999, 1.0]
    script = f"""import {{ brief }} from {json.dumps(brief.as_uri())};
    import {{ percent }} from {json.dumps(percent.as_uri())};
    console.log(JSON.stringify([{logits}.map(brief), {probabilities}.map((each) => percent(each))]));"""
    told = subprocess.run([deno, "eval", script], check=True, capture_output=True, encoding="utf-8")
    of_logits, of_probabilities = json.loads(told.stdout)
    assert max(map(len, of_logits + of_probabilities)) <= 8
    for logit, text in zip(logits, of_logits, strict=True):
        assert float(text.replace("−", "-")) == pytest.approx(logit, rel=0.05, abs=0.0005)


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_styles_take_their_colours_from_the_theme(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", text)
    shared = [
        COMPONENTS / "shared" / "shared.css",
        COMPONENTS / "explore_panels" / "explore_panels.css",
    ]  # the stage hands sizes down
    defined = theme.css() + "".join(each.read_text(encoding="utf-8") for each in shared)
    known = set(re.findall(r"(--gs-[\w-]+):", defined))
    assert set(re.findall(r"var\((--gs-[\w-]+)", text)) <= known


# ---- colours -----------------------------------------------------------------------------------------------------


def _linear(color: str) -> np.ndarray:
    channel = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)


def _contrast(one: str, other: str) -> float:
    low, high = sorted(float(_linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("which", ["light", "dark"])
def test_concepts_can_be_read_on_both_backgrounds(which: str) -> None:
    texts = {**theme.CONCEPTS, "accent": theme.ACCENT, "warning": theme.WARNING, "error": theme.ERROR}
    for (name, pair), background in itertools.product(texts.items(), (theme.BACKGROUND, theme.RAISED)):
        assert _contrast(getattr(pair, which), getattr(background, which)) >= 4.5, name


# Machado, Oliveira & Fernandes 2009, severity 1.0.
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)


def _lab(color: str, sight: Any) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(np.asarray(sight) @ _linear(color), 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("which", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_concepts_stay_apart_for_every_eye(which: str, sight: str) -> None:
    colors = {name: _lab(getattr(pair, which), SIGHT[sight]) for name, pair in theme.CONCEPTS.items()}
    for one, other in itertools.combinations(colors, 2):
        assert np.linalg.norm(colors[one] - colors[other]) >= 12, (one, other)


@pytest.mark.parametrize("which", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_lightness_alone_carries_the_order_of_a_ramp(which: str, sight: str) -> None:
    steps = np.diff([_lab(stop, SIGHT[sight])[0] for stop in getattr(theme.SEQUENTIAL, which)])
    assert (np.sign(steps) == np.sign(steps[0])).all()
    away = [_lab(stop, SIGHT[sight])[0] for stop in getattr(theme.DIVERGING, which)]
    assert len({np.sign(away[2] - away[i]) for i in (0, 1, 3, 4)}) == 1


# ---- mounted -----------------------------------------------------------------------------------------------------


def _page() -> None:
    from typing import cast

    import numpy as np
    import plotly.graph_objects as go

    from app import components as ui
    from app.components.in_words import Answered, NodeWords, NumberPart

    ui.runtime()
    line: ui.MapLine = {
        "id": "idx",
        "tensor": "idx",
        "label": "ids",
        "title": "Ids: given",
        "kind": "residual",
        "concept": "plain",
        "inside": False,
        "says": True,
        "block": None,
        "rows": 1,
        "low": -1.0,
        "high": 1.0,
    }
    drawn_map = ui.map_panel(
        text="ab",
        svg_key="model",
        shapes={"idx": "(1, 2)"},
        selected="idx",
        breadcrumbs=[{"id": "model", "label": "model"}],
        n_layer=2,
        lines=[line],
        pixels=np.array([2, 128, 255], np.uint8),
        logits=np.array([0.5, np.nan], np.float32),
        likely=["c"],
        weights=np.array([0.25, 0.75], np.float32),
        cell={"id": "idx", "row": 0, "column": 1, "channel": 3, "position": 1, "value": float("nan"), "of": 2},
    )
    pattern = np.tril(np.full((2, 2, 2, 2), 254, np.uint8))
    heads = ui.heads(text="ab", pixels=pattern, selected=(1, 0))
    matrix = ui.matrix(
        text="ab",
        name="x",
        heat=ui.heatmap(np.eye(2)),
        row_axis="query",
        col_axis="key",
        row_labels=["a", "b"],
        value_at=(0, 1, float("-inf")),
        labels_at=("a", None),
        off="head 0.1 is off",
        placed=True,
    )
    said: ui.LensToken = {"id": 1, "label": "c", "probability": float("nan")}
    depth: ui.LensRow = {"name": "transformer.embed", "label": "emb", "mid": False, "top": [said]}
    lens = ui.lens(text="ab", position=1, token="b", rows=[depth], ack=3)
    row: ui.NextToken = {
        "id": 1,
        "label": "c",
        "probability": 1.0,
        "logit": float("-inf"),
        "rank": 1,
        "cut": False,
    }
    operand: ui.CardOperand = {"name": "idx", "index": "[0, 1]", "values": "1", "count": 1, "cell": [0, 1]}
    card = ui.explanation(
        text="ab",
        name="x",
        index=(0, 1),
        sentence="How well it fits.",
        value=float("nan"),
        recomputed=float("-inf"),
        difference=float("nan"),
        formula="x",
        formula_key="f",
        operands=[operand],
        picture={
            "strips": [{"name": "x", "count": 2, "form": "bars", "open": "idx", "cell": [0, None]}],
            "axis": "token",
            "labels": [],
            "places": [],
            "chosen": 1,
            "marks": [["mean", float("inf")]],
            "facts": [["bias", 0.5]],
        },
        numbers=np.zeros(2, np.float32),
        code="value = 1",
        source="model.py",
    )
    buttons = ui.generate(text="ab", steps=0, undo=False, temperature=1.0, top_k=None, top_p=None, seed=0)
    listed: ui.ListedChange = {
        "key": "0.mlp",
        "words": "MLP 0 off",
        "title": "",
        "on": True,
        "waits": False,
        "factor": 0.0,
        "name": "transformer.h.0.mlp",
        "how": "zero",
        "head": None,
    }
    changes = ui.changes(text="ab", listed=[listed], told="1 change is on.", code="edits = []", largest=2.0)
    place = {"name": "transformer.h.0.mlp"}
    part: ui.ChangePart = {"words": "MLP 0", "place": place, "channels": 0, "ways": ["zero", "scale"]}
    form = ui.change_form(text="ab", parts=[part], own="its own", largest=2.0)
    hint = ui.first_look(title="Where?", seen="There.", tries=("this", "that"))
    save = ui.save(caption=("gptscope", "ab"))
    prediction = ui.prediction(text="ab", rows=[row])
    code = ui.code(text="ab", tab="model", listing_key="l", lines_key="m", T=2)
    node = ui.node(id="idx", label="Ids", axes=("B", "T"), summary="Given.", formula="x", formula_key="f")
    ui.parity_badge(key="parity_badge", text=None, label="parity …", title="what it means", kind="none")
    unknown = {"target": None, "loss": None, "probability": None, "rank": None}
    position = cast(
        ui.Position, {"token": "a", **unknown, "best": "b", "best_probability": 1.0, "missing": "no target"}
    )
    nan = float("nan")
    ui.losses(key="losses", text="a", positions=[position], mean=nan, perplexity=nan, blind=1.0)
    told: ui.Notice = {"kind": "warning", "text": "Other.", "offer": True}
    prompt = ui.prompt(
        text="ab", labels=["a"] * 4200, ids=list(range(4200)), cropped=4000, notice=told, example="To be"
    )
    ui.plot(go.Figure(layout={"height": 100}), key="plot", points=True, forms=True)
    scores = np.array([[[0.0], [np.nan]]], np.float32)
    losses = {"val_loss": [1.5, None]}
    kinds = {"first": "attention to the first token"}
    ui.training_curves(
        key="training_curves", history_key="k", steps=[0, 9], losses=losses, kinds=kinds, scores=scores, n_head=1
    )
    strip = ui.timeline(
        text="ab",
        source="x",
        history_key="k",
        step=9,
        moment="step 9 of 9",
        short="step 9",
        losses={"val_loss": float("nan")},
        strongest={"layer": 0, "head": 1},
        story={"layer": 0, "head": 1, "step": 9},
    )
    after = [prediction, lens, buttons, save, strip, prompt]
    panels = [drawn_map, node, card, hint, changes, form, heads, matrix, code, *after]
    whole = {"model": "<svg/>"}
    ui.explore_panels(
        key="explore_panels",
        panels=panels,
        step="9",
        kept=whole,
        width="window",
        plot="links",
        state="model=x",
        heard=7,
    )
    ui.reconnect(key="reconnect")
    ui.copy_link(key="copy_link", refusal="it cannot be shared")
    share: NumberPart = {"name": "total", "value": float("nan"), "kind": "share", "cell": ("idx", (0, 1))}
    sentence: NodeWords = {
        "node": "idx",
        "label": "Ids",
        "concept": "plain",
        "opens": None,
        "parts": ["of ", {"token": "a", "position": 0}, share],
    }
    answered: Answered = {"question": ["Why ", {"letter": "T"}, "?"], "answer": [share]}
    ui.in_words(
        key="in_words",
        text="ab",
        origin="o",
        svg="<svg/>",
        letters={"T": "tokens"},
        views=[("model", "Model")],
        view="model",
        choices={"token": {"chosen": 1, "labels": ["a", "b"]}},
        sentences=[sentence],
        questions=[answered],
    )
    ui.lens_table(
        key="lens_table",
        text="ab",
        origin="o",
        tokens=["a", "b"],
        depths=["emb"],
        words=["a", "b"],
        ids=np.array([[[1], [0]]], np.int32),
        shares=np.array([[[0.5], [0.25]]], np.float32),
        levels={"top": np.array([[127, ui.UNKNOWN]], np.uint8)},
        colours={"top": {"word": "likeliest", "meaning": "probability", "ends": ("0 %", "100 %")}},
        colour="top",
        probabilities=np.array([[0.5, np.nan]], np.float32),
        ranks=np.array([[1, -1]], np.int32),
        entropies=np.array([[0.7, 0.6]], np.float32),
        position=1,
        chosen=(0, 1),
    )
    values = np.array([0.5, -0.1], np.float32)
    ui.token_marks(key="marks", text="ab", origin="o", tokens=["a", "b"], values=values, what="activation", position=1)
    ui.address(key="address", origin="o", state="model=x", ack=3, note=None)
    ui.copy_code("x = 1", key="copy")
    ui.bars(
        [{"label": "MLP 0", "value": ui.number(float("nan")), "place": "node a", "words": [["b"]]}],
        key="bars",
        origin="o",
        label="parts",
        unit="logits",
        columns=["promotes"],
    )
    ui.token_line(key="line", text="ab", origin="o", tokens=["a", "b"], cropped=0, position=1, says="c", without="d")
    pixels = np.zeros((1, 2, 3, 3), np.uint8)
    ui.head_tooltip(key="picture", pixels=pixels, points={"0.1": ["induction 0.5"]}, caption="its pattern")
    ui.head_table(
        key="table",
        columns=[{"name": "sink", "label": "sink", "about": "rests", "chance": ui.number(float("nan"))}],
        rows=[{"layer": 0, "head": 1, "kind": "", "sink": True, "values": [ui.number(float("nan"))]}],
        selected=(0, 1),
    )
    ui.head_ranking(
        key="ranking",
        text="ab",
        origin="o",
        token="c",
        after="b",
        again=True,
        position=1,
        said=[{"token": "c", "before": 0.5, "after": None}],
        changes="",
        told="how",
        heads=[
            {
                "layer": 0,
                "head": 1,
                "kind": "",
                "reads": [],
                "lost": ui.number(float("nan")),
                "without": 0.5,
                "off": False,
            }
        ],
        left_out=0,
        selected=(0, 1),
    )
    ui.findings(
        key="findings",
        groups=[{"title": "Heads", "found": [{"sentence": "One.", "kind": "", "amount": "1.00", "head": [0, 1]}]}],
        note="ranked",
        order="kinds",
        orders={"kinds": "kind by kind"},
    )
    ui.head_card(
        key="card",
        layer=0,
        head=1,
        summary="A head.",
        scores=[],
        position="token 2",
        looks_here=[{"query": "a", "key": "b", "at": [1, 0], "again": True, "weight": 0.5}],
        looks=[],
        by_distance=[0.5, 0.5],
        pixels=pixels[0, 0],
        prefers={"of": "a", "tokens": [("b", 0.5)]},
        writes={"of": "a", "tokens": []},
        ratios=[],
        writers=[],
        loss={"title": "a text", "about": "of it", "loss": None, "without": None, "asked": "Measure"},
        off=False,
        said=[{"token": "c", "before": 0.5, "after": ui.number(float("nan"))}],
        changes=changes,
        change_form=form,
    )
    cells: ui.Grid = {
        "id": "g",
        "title": "Cells",
        "rows": ["a"],
        "cols": ["b", "c"],
        "first": 1,
        "values": [[0.5, float("nan")]],
    }
    ui.grids([cells], key="grids", text="ab", origin="o", label="cells")
    ui.supposed_sizes(
        key="supposed_sizes",
        values={"n_layer": 2},
        drawn="2",
        fields=[{"name": "n_layer", "letter": "L", "label": "n_layer", "low": 1, "high": 9, "stops": [1, 2]}],
        presets=[{"label": "gpt2", "values": {"n_layer": 12}, "chosen": False}],
        problem="",
        remedies=[],
        last="",
        lines=[],
        letters={"L": "L: blocks = 2"},
        sizes={"L": 2},
        parts=[],
        own=[],
        model="x",
        shares={},
        curves=[],
        answers=[],
        run="x, 3 tokens",
        measured=None,
        origin="o",
        state="model=x",
        ack=0,
    )


def _payloads(at: AppTest) -> dict[str, Any]:
    found = {}
    for element in at.get("bidi_component"):
        proto = element.proto
        kind = proto.WhichOneof("data")
        data = json.loads(proto.mixed.json if kind == "mixed" else proto.json)
        assert isinstance(data, dict), f"{proto.component_name} was sent as a repr"
        found[proto.component_name] = (kind, data, proto)
    return found


def test_all_components_mount_and_their_data_arrives() -> None:
    at = AppTest.from_function(_page).run(timeout=30)
    assert not at.exception
    found = _payloads(at)
    alone = {
        "address",
        "reconnect",
        "copy_link",
        "in_words",
        "losses",
        "parity_badge",
        "plot",
        "runtime",
        "explore_panels",
    }
    alone |= {"training_curves", "supposed_sizes"}
    alone |= {"bars", "head_ranking", "token_line"}
    alone |= {"copy_code", "findings", "grids", "head_card", "head_table", "lens_table", "head_tooltip", "token_marks"}
    assert set(found) == {f"gptscope_{name}" for name in alone}
    assert {name for name, (kind, _, _) in found.items() if kind == "mixed"} == {
        f"gptscope_{name}"
        for name in ("training_curves", "explore_panels", "head_card", "lens_table", "head_tooltip", "token_marks")
    }
    data = found["gptscope_explore_panels"][1]
    arrays = {"matrix.values", "heads.pixels", "map.pixels", "map.logits", "map.weights", "explanation.numbers"}
    assert set(data) == {"panels", "step", "kept", "width", "plot", "origin", "state", "heard", *arrays}
    assert [data[name] for name in ("width", "plot", "state", "heard")] == ["window", "links", "model=x", 7]
    assert alone | set(data["panels"]) == MODULES | {"runtime"}
    assert data["panels"]["matrix"]["cell"] == {"row": 0, "col": 1, "value": "-inf", "labels": ["a", None]}
    assert data["panels"]["prediction"]["rows"][0]["logit"] == "-inf"
    card = data["panels"]["explanation"]
    assert (card["index"], card["value"], card["recomputed"]) == ([0, 1], "nan", "-inf")
    assert data["panels"]["lens"]["rows"][0]["top"] == [{"id": 1, "label": "c", "probability": "nan"}]
    assert (data["panels"]["lens"]["position"], data["panels"]["lens"]["ack"]) == (1, 3)
    assert data["panels"]["map"]["cell"]["value"] == "nan"
    assert data["panels"]["map"]["lines"][0]["rows"] == 1
    prompt = data["panels"]["prompt"]
    assert (len(prompt["labels"]), prompt["first"], prompt["ids"][0]) == (4096, 104, 104)
    assert (data["step"], data["panels"]["timeline"]["losses"]) == ("9", {"val_loss": "nan"})
    assert "scores" not in data["panels"]["timeline"]  # nor the curves
    assert data["kept"] == {"model": "<svg/>"}
    assert found["gptscope_grids"][1]["grids"][0]["values"] == [[0.5, "nan"]]
    said = found["gptscope_in_words"][1]
    assert said["sentences"][0]["parts"][2] == {
        "name": "total",
        "value": "nan",
        "kind": "share",
        "cell": ["idx", [0, 1]],
    }
    assert said["questions"][0]["answer"][0]["value"] == "nan"


def test_a_message_carries_a_stub_and_not_the_sources() -> None:
    found = _payloads(AppTest.from_function(_page).run(timeout=30))
    for name, (_, data, proto) in found.items():
        if name == "gptscope_runtime":
            assert set(data["styles"]) == MODULES
            bundled = re.findall(r'^scripts\["(.*)"\] = ', data["script"], re.MULTILINE)
            assert {path.relative_to(COMPONENTS).as_posix() for path in SCRIPTS} - set(bundled) == {
                "runtime/runtime.js"
            }
        else:
            assert len(proto.js_content) + len(proto.css_content) + len(proto.html_content) < 600
