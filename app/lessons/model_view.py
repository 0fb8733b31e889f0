"""The whole model in words: from token ids to the probabilities of the next token."""

from __future__ import annotations

from app.lessons.phrases import added, dropped, normed
from app.lessons.run import Run
from app.lessons.sentences import Number, Question, Sentence, ask, say, share, some
from gptcore.analysis.token_loss import guess_at
from gptcore.graph.node import MODEL


def sentences(run: Run) -> tuple[Sentence, ...]:
    """Return a sentence for each node, in the order of computation."""
    ids, wte, wpe, embed, drop, blocks, norm, logits, probs, loss = run.drawn(MODEL)
    return (
        _tokens(run, ids),
        say(
            wte,
            "This number picks one row of the token embedding, a table of {V} × {C} = {rows} × {width} learned "
            "numbers. The row of {here} is the same wherever the token stands; it begins with {first}.",
            rows=run.V,
            width=run.C,
            here=run.here,
            first=run.cell(wte, 0),
        ),
        say(
            wpe,
            "Its place picks one row of the position embedding, a table of {block_size} × {C} = {rows} × {width} "
            "learned numbers. Row {place} is the same whatever token stands there; it begins with {first}.",
            rows=run.arch.config.block_size,
            width=run.C,
            place=run.position,
            first=run.cell(wpe, 0),
        ),
        added(
            run,
            embed,
            wte,
            wpe,
            "The two rows are added, number by number: {a} plus {b} is {sum}, and so on for all {width} channels. The "
            "rows of all tokens together, ({B}, {T}, {C}) = ({one}, {count}, {width}), are the start of the residual "
            "stream.",
        ),
        dropped(run, drop, embed),
        _blocks(run, blocks, drop),
        normed(run, norm, blocks, "The final norm"),
        _head(run, logits),
        _chances(run, logits, probs),
        _loss(run, loss),
    )


def _tokens(run: Run, node: str) -> Sentence:
    cut = "It takes {block_size} = {limit} at most, so it does not see the first {cropped} of the prompt. "
    return say(
        node,
        f"The model sees no letters. It gets {{T}} = {{count}} {some(run.T, 'token')}, each as one whole number from "
        f"0 to {{V}} − 1 = {{last}}. {cut if run.cropped else ''}The token that is followed here, {{here}}, is number "
        f"{{id}}.",
        count=run.T,
        last=run.V - 1,
        limit=run.arch.config.block_size,
        cropped=run.cropped,
        here=run.here,
        id=Number(int(run.trace.ids[0, run.position]), "count", (node, (0, run.position))),
    )


def _blocks(run: Run, node: str, before: str) -> Sentence:
    equal = "Then come {L} = {count} blocks, one after the other, equal in form, each with weights of its own:"
    return say(
        node,
        f"{equal if run.L > 1 else 'Then comes one block, {L} = {count}, with'} {{params}} of the {{all}} parameters. "
        "A block adds to the row of a token, and does not replace it: the length of the row of {here}, which is the "
        "root of the sum of its squares, goes from {before} to {after}.",
        count=run.L,
        params=run.params(node),
        all=run.arch.num_params(),
        here=run.here,
        before=run.length(before),
        after=run.length(node),
    )


def _head(run: Run, node: str) -> Sentence:
    whose = "the token embedding itself, used once more" if run.arch.config.tie_weights else "a matrix of its own"
    best = int(run.row(node).argmax())
    return say(
        node,
        f"The head holds one row of {{C}} numbers for each of the {{V}} = {{count}} tokens of the vocabulary: "
        f"{whose}. The "
        "dot product of each with the row of {here} is the logit of that token; the highest, {logit}, is that of "
        "{winner}.",
        count=run.V,
        here=run.here,
        logit=run.cell(node, best),
        winner=run.word(best),
    )


def _chances(run: Run, logits: str, node: str) -> Sentence:
    chances = run.row(node)
    order = run.row(logits).topk(min(2, run.V)).indices.tolist()
    second = ", and {next} comes second with {less}" if len(order) > 1 else ""
    return say(
        node,
        f"The softmax makes probabilities of the logits, and they add up to {{total}}: {{winner}} gets "
        f"{{most}}{second}.",
        total=chances.sum().item(),
        winner=run.word(order[0]),
        most=run.cell_share(node, order[0]),
        next=run.word(order[-1]),
        less=run.cell_share(node, order[-1]),
    )


def _loss(run: Run, node: str) -> Sentence:
    at = run.position if run.position + 1 < run.T else run.position - 1
    if at < 0:
        return say(
            node, "A loss needs a next token that is known, and nothing follows {here} in the prompt.", here=run.here
        )
    guess = guess_at(run.trace, at)
    first = (
        "" if at == run.position else "What follows {here} is not in the prompt, so it has no loss. One step before, "
    )
    return say(
        node,
        f"{first}{{token}} is followed by {{target}} in the prompt. The model gave that a probability of {{chance}}, "
        f"and the "
        "loss is −log of it: {loss} nats. Training makes this number smaller.",
        here=run.here,
        token=run.token(at),
        target=run.token(at + 1),
        chance=share(guess.probability or 0.0),
        loss=Number(run.row(node, at).item(), cell=(node, (0, at))),
    )


def questions(run: Run) -> tuple[Question, ...]:
    """Return what learners ask about the model."""
    wte, wpe, blocks, logits = (run.drawn(MODEL)[place] for place in (1, 2, 5, 7))
    all_params = run.arch.num_params()
    return (
        ask(
            "Is it one run of the model for all {T} tokens, or one for each token?",
            "One run. The {count} "
            + some(run.T, "token is", "tokens are")
            + " the rows of its matrices, and all rows go "
            "through the same weights at once: {flops} additions and multiplications in the matrix products of this "
            "run. Each row ends in a prediction of its own. Only for text that is generated there is one run for each "
            "new token, and a run over one token alone takes {single}.",
            count=run.T,
            flops=run.arch.flops(run.T),
            single=run.arch.flops(1),
        ),
        ask(
            "Why is the output ({B}, {T}, {V}), if only the last row is used?",
            "Only the next token of the whole prompt needs just the last row. Training uses every row: the row of a "
            "token is compared with the token that follows it, so this prompt asks {known} "
            + some(run.T - 1, "question")
            + " in one "
            "run. This is possible because no row sees a later token. All logits of this run are {B} × {T} × {V} = "
            "{size} numbers; model.py computes the last row alone where it has no targets: {row} numbers.",
            known=run.T - 1,
            size=run.T * run.V,
            row=run.V,
        ),
        _order(run, wpe),
        _tied(run, wte, logits),
        ask(
            "Where are the parameters?",
            "Of {all} parameters the {L} = {blocks} "
            + some(run.L, "block has", "blocks have")
            + " {in_blocks}, which is "
            "{of_blocks}. The token embedding has {tokens}, {of_tokens}, and the position embedding {places}, "
            "{of_places}.",
            all=all_params,
            blocks=run.L,
            in_blocks=run.params(blocks),
            of_blocks=share(run.params(blocks) / all_params),
            tokens=run.params(wte),
            of_tokens=share(run.params(wte) / all_params),
            places=run.params(wpe),
            of_places=share(run.params(wpe) / all_params),
        ),
    )


def _order(run: Run, wpe: str) -> Question:
    table = run.trace.weight(wpe).double()
    other = run.position - 1 if run.position else 1
    near = "Rows {place} and {other} of that table lie {distance} apart (the length of their difference). "
    return ask(
        "Where does the order of the tokens come in?",
        "In the position embedding: the row of each place is added to the row of its token. "
        f"{near if other < len(table) else ''}After that the model has no notion of a place; only the causal mask "
        f"still "
        "depends on it, because it hides what comes later.",
        place=run.position,
        other=other,
        distance=(table[run.position] - table[other % len(table)]).norm().item(),
    )


def _tied(run: Run, wte: str, logits: str) -> Question:
    size, total = run.V * run.C, run.arch.num_params()
    question = "Are the token embedding and the head the same matrix here?"
    if run.arch.config.tie_weights:
        return ask(
            question,
            "Yes, they are tied: one table of {V} × {C} = {size} numbers is read from at the start and multiplied "
            "with at the end. It counts once, and is {part} of all parameters. With a second table the model would "
            "have {more}.",
            size=size,
            part=share(size / total),
            more=total + size,
        )
    apart = (run.trace.weight(wte) - run.trace.weight(logits)).abs().max().item()
    return ask(
        question,
        "No, there are two tables of {V} × {C} = {size} numbers each: together {part} of all parameters. Their "
        "numbers differ by up to {apart}.",
        size=size,
        part=share(2 * size / total),
        apart=apart,
    )
