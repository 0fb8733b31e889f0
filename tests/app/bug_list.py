"""One-line bugs of the app as data: where, what stands there, what would stand there, and the test that must fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SENT, TRAINING, DRAWN = "tests/app/test_sent.py", "tests/app/test_sent_training.py", "tests/browser/test_drawn.py"
STRIPS, ACTIONS = "tests/app/test_strips.py", "tests/app/test_actions.py"


@dataclass(frozen=True)
class Bug:
    """A change of one line."""

    what: str
    file: str
    """From app/."""
    old: str
    """A part of one line, which no other line of the file has."""
    new: str
    test: str
    """The file and the name of the test that must fail."""

    @property
    def in_python(self) -> bool:
        """True for a bug on the server's side; others are in the browser."""
        return self.file.endswith(".py")


BUGS: Final = (
    # ---- a tensor as a matrix ----
    Bug(
        "query and key names swapped",
        "panels/tensor_slice.py",
        'axes = ("query", "key")',
        'axes = ("key", "query")',
        f"{SENT}::test_the_heatmap_is_the_tensor_with_its_axes",
    ),
    Bug(
        "another head than the chosen one",
        "panels/tensor_slice.py",
        'tensor[head], f"{name}, head {head}"',
        'tensor[-1 - head], f"{name}, head {head}"',
        f"{SENT}::test_the_heatmap_is_the_tensor_with_its_axes",
    ),
    Bug(
        "rows and columns take each other's meaning",
        "panels/tensor_slice.py",
        "Slice(name, matrix, axes[0], axes[1]",
        "Slice(name, matrix, axes[1], axes[0]",
        f"{SENT}::test_a_weight_is_the_model_s_own",
    ),
    Bug(
        "the vocabulary from its end",
        "panels/tensor_slice.py",
        "for index in range(size)]",
        "for index in reversed(range(size))]",
        f"{SENT}::test_the_heatmap_is_the_tensor_with_its_axes",
    ),
    Bug(
        "the value of the cell beside the hovered one",
        "panels/tensor_slice.py",
        "self.matrix[row, col].item()",
        "self.matrix[row, col - 1].item()",
        f"{SENT}::test_a_large_weight_travels_as_pixels_and_tells_a_cell_when_asked",
    ),
    Bug(
        "masked cells count in the statistics",
        "panels/tensor_slice.py",
        "finite = matrix[np.isfinite(matrix)]",
        "finite = np.nan_to_num(matrix, neginf=0.0)",
        f"{SENT}::test_the_heatmap_is_the_tensor_with_its_axes",
    ),
    Bug(
        "the head left out of the slice cache's key",
        "session/explorer.py",
        "key = (place.weight, place.selected, place.head, made_of)",
        "key = (place.weight, place.selected, made_of)",
        f"{SENT}::test_a_head_is_chosen_by_its_thumbnail",
    ),
    Bug(
        "weights of a training that are stale: the slice cache's key",
        "session/explorer.py",
        "made_of = self.checkpoint.model if",
        "made_of = self.final.model if",
        f"{SENT}::test_a_weight_on_the_screen_moves_with_the_step",
    ),
    Bug(
        "a pixel shows the value nearest to 0",
        "components/matrix/heatmap.py",
        "np.where(np.abs(lowest) > np.abs(highest)",
        "np.where(np.abs(lowest) < np.abs(highest)",
        f"{SENT}::test_a_large_weight_travels_as_pixels_and_tells_a_cell_when_asked",
    ),
    Bug(
        "the answer to a hover at the mirrored cell",
        "components/matrix/__init__.py",
        '{"row": value_at[0], "col": value_at[1]',
        '{"row": value_at[1], "col": value_at[0]',
        f"{SENT}::test_a_large_weight_travels_as_pixels_and_tells_a_cell_when_asked",
    ),
    # ---- thumbnails ----
    Bug(
        "thumbnails' heads in reverse order",
        "panels/thumbnails.py",
        "start, trace.T)[0]",
        "start, trace.T)[0].flip(0)",
        f"{SENT}::test_each_thumbnail_is_its_own_head_s_pattern",
    ),
    Bug(
        "a row of pixels kept although a part of it is new",
        "panels/thumbnails.py",
        "keep = min(trace.reused // block, size)",
        "keep = min(-(-trace.reused // block), size)",
        f"{SENT}::test_thumbnails_of_a_long_prompt_show_the_largest_weight_of_each_block",
    ),
    Bug(
        "a block's smallest weight",
        "panels/thumbnails.py",
        "rows = np.maximum.reduceat(",
        "rows = np.minimum.reduceat(",
        f"{SENT}::test_thumbnails_of_a_long_prompt_show_the_largest_weight_of_each_block",
    ),
    Bug(
        "a coarser picture of the smallest weights",
        "panels/thumbnails.py",
        "weights = np.maximum.reduceat(",
        "weights = np.minimum.reduceat(",
        f"{SENT}::test_thumbnails_of_a_long_prompt_show_the_largest_weight_of_each_block",
    ),
    Bug(
        "the upper triangle travels",
        "components/heads/__init__.py",
        "np.flatnonzero(np.tri(size, dtype=bool))",
        "np.flatnonzero(np.tri(size, dtype=bool).T)",
        f"{SENT}::test_each_thumbnail_is_its_own_head_s_pattern",
    ),
    Bug(
        "layer and head of the chosen thumbnail swapped",
        "components/heads/__init__.py",
        '{"layer": selected[0], "head": selected[1]}',
        '{"layer": selected[1], "head": selected[0]}',
        f"{SENT}::test_a_head_is_chosen_by_its_thumbnail",
    ),
    # ---- the run of a prompt ----
    Bug(
        "labels from the wrong end of a cropped prompt",
        "session/prompt_run.py",
        "self.ids[self.cropped :]",
        "self.ids[: len(self.ids) - self.cropped]",
        f"{SENT}::test_the_heatmap_is_the_tensor_with_its_axes",
    ),
    Bug(
        "the run of the wrong end of a cropped prompt",
        "session/prompt_run.py",
        "ids[cropped:], previous=",
        "ids[: len(ids) - cropped], previous=",
        f"{SENT}::test_the_next_tokens_are_the_softmax_of_the_followed_logits",
    ),
    Bug(
        "the logits of the position before the last",
        "session/prompt_run.py",
        "self.trace.T - 1, self.trace.T)[0, 0]",
        "self.trace.T - 2, self.trace.T)[0, 0]",
        f"{SENT}::test_the_next_tokens_are_the_softmax_of_the_followed_logits",
    ),
    Bug(
        "hotter is colder",
        "session/prompt_run.py",
        "torch.softmax(logits / temperature",
        "torch.softmax(logits * temperature",
        f"{SENT}::test_the_next_tokens_are_the_softmax_of_the_followed_logits",
    ),
    Bug(
        "parity is always well",
        "session/prompt_run.py",
        "Parity(difference, difference <= bound)",
        "Parity(difference, difference >= 0)",
        f"{SENT}::test_the_badge_tells_when_the_screen_is_wrong",
    ),
    # ---- the main screen ----
    Bug(
        "temperature ignored by the view",
        "views/explore.py",
        "next_tokens(me.temperature, me.top_k)",
        "next_tokens(1.0, me.top_k)",
        f"{SENT}::test_the_next_tokens_are_the_softmax_of_the_followed_logits",
    ),
    Bug(
        "nobody is told what is cropped",
        "views/explore.py",
        "cropped=me.shown.cropped,",
        "cropped=0,",
        f"{SENT}::test_the_prompt_is_sent_whole_and_with_what_the_model_does_not_see",
    ),
    Bug(
        "shapes of the whole context, not of the run",
        "views/explore.py",
        "me.location.shapes(me.arch, me.shown.trace.T)",
        "me.location.shapes(me.arch, me.arch.config.block_size)",
        f"{SENT}::test_the_map_tells_the_shapes_of_this_run",
    ),
    Bug(
        "the block left out of a drawing's key",
        "views/explore.py",
        "{config} {view} {layer}",
        "{config} {view}",
        f"{SENT}::test_no_two_drawings_have_one_key",
    ),
    Bug(
        "the score of another kind than the chosen one",
        "views/rail.py",
        "past.score(moment.measured, me.score, place",
        "past.score(moment.measured, past.telling, place",
        f"{SENT}::test_the_timeline_tells_of_the_chosen_head_at_the_step",
    ),
    Bug(
        "marked lines off by one",
        "views/explore.py",
        "first, last = found.lines",
        "first, last = (line + 1 for line in found.lines)",
        f"{SENT}::test_the_lines_that_are_marked_made_the_tensor",
    ),
    Bug(
        "the axes of the output over a weight",
        "views/explore.py",
        "if place.weight else node.axes",
        "if not node.axes else node.axes",
        f"{SENT}::test_the_inspected_node_is_told_with_its_head_and_its_weights",
    ),
    Bug(
        "the badge is of the final weights",
        "views/picker.py",
        'moment="" if me.step is None else me.moment.name',
        'moment=""',
        f"{SENT}::test_the_badge_is_of_the_weights_on_the_screen",
    ),
    # ---- models and snapshots ----
    Bug(
        "a file that was written again is not read again",
        "stores/models.py",
        "if place is None or place.stamp != stamp:",
        "if place is None:",
        "tests/app/test_models.py::test_a_file_that_was_written_again_is_read_again",
    ),
    Bug(
        "weights of a training that are stale: one snapshot for all",
        "stores/snapshots.py",
        "key = (snapshot.sha256, final.config)",
        'key = ("", final.config)',
        f"{SENT}::test_every_panel_shows_the_weights_of_the_step",
    ),
    Bug(
        "scores head by head, not layer by layer",
        "stores/snapshots.py",
        "made[k, i] = found.ravel()",
        "made[k, i] = found.T.ravel()",
        f"{SENT}::test_the_curves_are_those_of_the_index",
    ),
    Bug(
        "the score of a head counted from the last",
        "stores/snapshots.py",
        "found[layer, head].item()",
        "found[layer, -1 - head].item()",
        f"{SENT}::test_the_timeline_tells_of_the_chosen_head_at_the_step",
    ),
    Bug(
        "the weakest head for the strongest",
        "stores/snapshots.py",
        "found, -np.inf).argmax()",
        "found, -np.inf).argmin()",
        f"{SENT}::test_the_timeline_tells_of_the_chosen_head_at_the_step",
    ),
    Bug(
        "a head is picked again by each later message",
        "state/reports.py",
        "name not in done}",
        "True}",
        f"{SENT}::test_the_strongest_head_is_chosen_once",
    ),
    Bug(
        "the best and the last weights share their curves",
        "views/rail.py",
        "{me.history.key} {_opened(me)}",
        "{me.history.key}",
        "tests/app/test_timeline.py::test_the_best_and_the_last_weights_of_a_training_have_curves_of_their_own",
    ),
    # ---- the page Training ----
    Bug(
        "weights of a training that are stale: the first save for ever",
        "state/server.py",
        "_weights(str(last), saved)",
        "_weights(str(last), 0)",
        f"{TRAINING}::test_the_head_is_of_the_newest_weights",
    ),
    Bug(
        "a snapshot newer than the last save passed over",
        "state/server.py",
        "st_mtime_ns > saved]",
        "st_mtime_ns < saved]",
        f"{TRAINING}::test_the_head_is_of_the_newest_weights",
    ),
    Bug(
        "the losses of a prompt kept for another",
        "state/person.py",
        "if found is None or found[0] != key:",
        "if found is None:",
        f"{TRAINING}::test_the_losses_are_those_of_the_positions_that_the_model_sees",
    ),
    Bug(
        "inputs as their own targets",
        "views/training/prompt.py",
        "else label(guess.target),",
        "else label(guess.index),",
        f"{TRAINING}::test_the_losses_are_those_of_the_positions_that_the_model_sees",
    ),
    Bug(
        "the pattern of head 0 under another's name",
        "views/training/watch.py",
        "[name])[name][0, head]",
        "[name])[name][0, 0]",
        f"{TRAINING}::test_the_head_is_of_the_newest_weights",
    ),
    Bug(
        "the scores of another head",
        "views/training/watch.py",
        "newest.heads[kind][layer][head]",
        "newest.heads[kind][layer][0]",
        f"{TRAINING}::test_what_is_said_of_the_head_is_its_own",
    ),
    Bug(
        "keys beside the rows of a watched head",
        "views/training/watch.py",
        'row_axis="query",',
        'row_axis="key",',
        f"{TRAINING}::test_what_is_said_of_the_head_is_its_own",
    ),
    Bug(
        "a watched head on a scale of its own",
        "views/training/watch.py",
        'scale="sequential"),',
        'scale="sequential", vmax=0.5),',
        f"{TRAINING}::test_what_is_said_of_the_head_is_its_own",
    ),
    Bug(
        "the gradient's norm as the learning rate",
        "panels/figures.py",
        '("learning rate", ("lr",)',
        '("learning rate", ("grad_norm",)',
        f"{TRAINING}::test_the_curves_are_the_numbers_of_the_run",
    ),
    # ---- in the browser: heads ----
    Bug(
        "the heads' picture drawn in reverse",
        "components/heads/heads.js",
        "drawImage(view.atlas, head * size,",
        "drawImage(view.atlas, (n_head - 1 - head) * size,",
        f"{DRAWN}::test_the_picture_under_each_button_is_its_own_head_s",
    ),
    Bug(
        "patterns upside down",
        "components/heads/heads.js",
        "(layer * size + row) * width",
        "(layer * size + size - 1 - row) * width",
        f"{DRAWN}::test_the_picture_under_each_button_is_its_own_head_s",
    ),
    Bug(
        "a thumbnail reports the head at the other end",
        "components/heads/heads.js",
        '"data-head": head,',
        '"data-head": n_head - 1 - head,',
        f"{DRAWN}::test_a_thumbnail_reports_its_own_head",
    ),
    Bug(
        "layers counted where heads are meant",
        "components/heads/heads.js",
        "selected.layer * n_head + selected.head",
        "selected.layer * n_layer + selected.head",
        f"{DRAWN}::test_a_thumbnail_reports_its_own_head",
    ),
    Bug(
        "the arrow down goes to another column",
        "components/heads/heads.js",
        "clamp(layer + down, 0, n_layer - 1) * n_head",
        "clamp(layer + down, 0, n_layer - 1) * n_layer",
        f"{DRAWN}::test_the_arrow_keys_go_from_head_to_head",
    ),
    # ---- in the browser: tokens ----
    Bug(
        "the hovered chip one off when the prompt is cropped",
        "components/prompt/prompt.js",
        "position + view.data.cropped - view.data.first]",
        "position + view.data.cropped - view.data.first + Math.sign(view.data.cropped)]",
        f"{DRAWN}::test_the_cell_under_the_pointer_is_told_and_its_tokens_are_marked",
    ),
    Bug(
        "a chip's position counted from the first token, seen or not",
        "components/prompt/prompt.js",
        ": index - view.data.cropped;",
        ": index;",
        f"{DRAWN}::test_a_chip_under_the_pointer_marks_its_row_and_column_everywhere_without_the_server",
    ),
    Bug(
        "chips that did not travel are not counted",
        "components/prompt/prompt.js",
        "const index = first + i;",
        "const index = i;",
        f"{DRAWN}::test_chips_of_a_very_long_prompt_keep_their_numbers",
    ),
    Bug(
        "the tokens that are not seen do not fade",
        "components/prompt/prompt.js",
        'chip.classList.toggle("cropped", index < cropped)',
        'chip.classList.toggle("cropped", index > cropped)',
        f"{DRAWN}::test_each_chip_is_its_token_and_the_cropped_ones_fade",
    ),
    # ---- in the browser: heatmap ----
    Bug(
        "rows and columns swapped under the pointer",
        "components/matrix/matrix.js",
        "Math.floor((py / height) * rows), col: Math.floor((px / width) * cols)",
        "Math.floor((py / height) * cols), col: Math.floor((px / width) * rows)",
        f"{DRAWN}::test_rows_and_columns_are_not_taken_for_each_other",
    ),
    Bug(
        "the pointer is rounded to the next cell",
        "components/matrix/matrix.js",
        "col: Math.floor((px / width) * cols)",
        "col: Math.round((px / width) * cols)",
        f"{DRAWN}::test_the_cell_under_the_pointer_is_told_and_its_tokens_are_marked",
    ),
    Bug(
        "the value of the mirrored cell",
        "components/matrix/matrix.js",
        "view.values[row * cols + col]",
        "view.values[col * cols + row]",
        f"{DRAWN}::test_the_cell_under_the_pointer_is_told_and_its_tokens_are_marked",
    ),
    Bug(
        "query and key swapped in all other panels",
        "components/matrix/matrix.js",
        "hover(view, cell.col, row_tokens ? cell.row : null)",
        "hover(view, cell.row, row_tokens ? cell.col : null)",
        f"{DRAWN}::test_the_cell_under_the_pointer_is_told_and_its_tokens_are_marked",
    ),
    Bug(
        "the columns' labels beside the rows",
        "components/matrix/axes.js",
        "labelOf(context, row_labels, i), x - 5",
        "labelOf(context, view.data.col_labels, i), x - 5",
        f"{DRAWN}::test_labels_stand_at_their_rows_and_columns",
    ),
    Bug(
        "labels half a row too high",
        "components/matrix/axes.js",
        "x - 5, y + (i + 0.5) * cellH",
        "x - 5, y + i * cellH",
        f"{DRAWN}::test_labels_stand_at_their_rows_and_columns",
    ),
    Bug(
        "the axes' names swapped",
        "components/matrix/axes.js",
        "const { row_axis, col_axis } = view.data;",
        "const { row_axis: col_axis, col_axis: row_axis } = view.data;",
        f"{DRAWN}::test_labels_stand_at_their_rows_and_columns",
    ),
    Bug(
        "the legend upside down",
        "components/matrix/axes.js",
        "const at = y + tall * (1 - (bent",
        "const at = y + tall * (0 + (bent",
        f"{DRAWN}::test_the_legend_names_both_ends_of_the_scale",
    ),
    Bug(
        "the scale of colours reversed",
        "components/matrix/pixels.js",
        "(value - vmin) * factor",
        "(vmax - value) * factor",
        f"{DRAWN}::test_the_colours_are_those_of_the_values",
    ),
    # ---- in the browser: next tokens, timeline, map, source, losses ----
    Bug(
        "rows of next tokens from the last",
        "components/prediction/prediction.js",
        "drawRow(rows.children[i] ??",
        "drawRow(rows.children[data.rows.length - 1 - i] ??",
        f"{DRAWN}::test_the_rows_are_the_next_tokens_in_order",
    ),
    Bug(
        "bars of what is left",
        "components/prediction/prediction.js",
        "`scaleX(${probability})`",
        "`scaleX(${1 - probability})`",
        f"{DRAWN}::test_the_rows_are_the_next_tokens_in_order",
    ),
    Bug(
        "the rank appended for the token",
        "components/prediction/prediction.js",
        "view.append = { id: Number(row.dataset.tokenId)",
        "view.append = { id: Number(row.firstChild.textContent)",
        f"{DRAWN}::test_a_click_on_a_row_appends_its_token",
    ),
    Bug(
        "stops one off",
        "components/timeline/timeline.js",
        "view.stops[index] ?? null",
        "view.stops[index + 1] ?? null",
        f"{DRAWN}::test_each_stop_of_the_slider_is_its_step",
    ),
    Bug(
        "the strong curve of another head",
        "components/timeline/series.js",
        "const values = scoresOf(history, kind, layer * history.n_head + head)",
        "const values = scoresOf(history, kind, head * history.n_head + layer)",
        f"{DRAWN}::test_the_curves_go_through_the_numbers_of_the_index",
    ),
    Bug(
        "losses that rise when they fall",
        "components/timeline/curves.js",
        "floor - (value / (most ?? 1)) * (floor - TOP)",
        "TOP + (value / (most ?? 1)) * (floor - TOP)",
        f"{DRAWN}::test_the_curves_go_through_the_numbers_of_the_index",
    ),
    Bug(
        "what follows is marked as what a node is made of",
        "components/map/map.js",
        "const into = edge.to === id;",
        "const into = edge.from === id;",
        f"{DRAWN}::test_the_selected_node_and_what_it_is_made_of_are_marked",
    ),
    Bug(
        "the folded blocks open at the first",
        "components/map/map.js",
        'kind: "open", id: node.id, layer: view.data.layer',
        'kind: "open", id: node.id, layer: 0',
        f"{DRAWN}::test_the_path_the_picker_and_the_badge_report_where_they_lead",
    ),
    Bug(
        "layer and head swapped in a head's name",
        "components/node/node.js",
        "`head ${layer}.${i}`",
        "`head ${i}.${layer}`",
        f"{DRAWN}::test_the_inspected_node_tells_its_head_and_axes_and_offers_its_weights",
    ),
    Bug(
        "a weight's button leads back to the output",
        "components/node/node.js",
        "weight: button.dataset.weight ?? null",
        "weight: button.dataset.part ?? null",
        f"{DRAWN}::test_the_inspected_node_tells_its_head_and_axes_and_offers_its_weights",
    ),
    Bug(
        "marked lines counted from 0",
        "components/code/code.js",
        "i + 1 >= first && i < last",
        "i >= first && i < last",
        f"{DRAWN}::test_the_marked_lines_are_those_that_made_it",
    ),
    Bug(
        "parity of another prompt stays on the screen",
        "components/badge/badge.js",
        "JSON.stringify([view.text, view.now]) === view.measured",
        "JSON.stringify([view.told.text, view.now]) === view.measured",
        f"{DRAWN}::test_the_badge_hides_what_was_measured_on_another_prompt",
    ),
    Bug(
        "a small loss in the colour of a large one",
        "components/losses/losses.js",
        "Math.min(1, loss / view.data.blind)",
        "1 - Math.min(1, loss / view.data.blind)",
        f"{DRAWN}::test_each_position_tells_its_own_guess",
    ),
)
