"""Puts the figures of evaluation.json into the model card, between its two markers."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def percent(figure: dict) -> str:
    """An accuracy for a table cell."""
    return f"{100 * figure['accuracy']:.1f} %"


def accuracy_table(sets: dict) -> list[str]:
    """Rows of this model's and MicroNet Large's accuracy on both test sets."""
    clean, noisy = sets["clean"], sets["noisy"]
    rows = [
        "| held-out voices | clips | clean | noisy | MicroNet Large, clean | noisy |",
        "|---|---|---|---|---|---|",
    ]

    def row(title: str, *keys: str) -> str:
        def pick(figures: dict) -> dict:
            for key in keys:
                figures = figures[key]
            return figures

        cells = [percent(pick(s)) for s in (clean, noisy, clean["micronet_large"], noisy["micronet_large"])]
        return f"| {title} | {pick(clean)['clips']} | {' | '.join(cells)} |"

    rows += [row("all", "all"), row("the ten keywords", "keywords")]
    names = {
        "espeak-ng": "espeak-ng, variants kept out",
        "flite": "flite, an engine kept out",
        "noise": "noise",
    }
    rows += [row(names[engine], "by_engine", engine) for engine in names]
    return rows


def voice_table(sets: dict) -> list[str]:
    """Rows of accuracy by voice, the student's."""
    rows = ["| voice | clips | clean | noisy |", "|---|---|---|---|"]
    for name, figure in sets["clean"]["by_voice"].items():
        if name.startswith("flite"):
            noisy = sets["noisy"]["by_voice"][name]
            rows.append(f"| {name} | {figure['clips']} | {percent(figure)} | {percent(noisy)} |")
    return rows


def confusion_table(labels: list[str], matrix: list[list[int]]) -> list[str]:
    """The confusion matrix, rows the truth."""
    rows = ["| said \\ heard | " + " | ".join(label.strip("_") for label in labels) + " | right |"]
    rows.append("|---" * (len(labels) + 2) + "|")
    for k, (label, counts) in enumerate(zip(labels, matrix, strict=True)):
        cells = " | ".join(str(count) if count else "" for count in counts)
        rows.append(f"| {label.strip('_')} | {cells} | {100 * counts[k] / sum(counts):.1f} % |")
    return rows


def recording_table(rows: list[dict]) -> list[str]:
    """One row a recorded word."""
    out = ["| file | said | heard | score | MicroNet Large |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row["file"], row["word"], row["answer"], f"{row['score']:.2f}", row["micronet_large_answer"])
        out.append("| " + " | ".join(cells) + " |")
    return out


def figures_text(figures: dict) -> str:
    """Everything between the markers."""
    model, sets = figures["model"], figures["held_out_voices"]
    clean, noisy = sets["clean"], sets["noisy"]
    real, bundled = figures["real_recordings"], figures["bundled_recordings"]
    parts = [
        [
            f"`{model['file']}`: {model['bytes']:,} bytes, {model['parameters']:,} parameters, sha256",
            f"`{model['sha256']}`; operators {', '.join(model['operators'])}.",
        ],
        ["### Held-out synthetic voices, int8 model"],
        accuracy_table(sets),
        [
            f"Float before quantisation: {percent(clean['float_before_quantisation'])} clean,"
            f" {percent(noisy['float_before_quantisation'])} noisy. Keyword clips in which it answers as"
            f" MicroNet Large does: {100 * clean['agreement_with_micronet_large']:.1f} % clean,"
            f" {100 * noisy['agreement_with_micronet_large']:.1f} % noisy. Other words taken for a keyword:"
            f" {100 * clean['unknown_taken_for_a_keyword']:.1f} % clean,"
            f" {100 * noisy['unknown_taken_for_a_keyword']:.1f} % noisy."
        ],
        voice_table(sets),
        ["Confusion, noisy set (counts):"],
        confusion_table(figures["labels"], noisy["confusion_rows_truth_columns_answer"]),
    ]
    if real:
        right = sum(row["right"] for row in real)
        parts += [["### Real speech"]]
        parts += [[f"{right} of {len(real)} words of Speech Commands (measured, never trained on):"]]
        parts += [recording_table(real)]
        again = figures["real_recordings_in_noise"]
        parts += [
            [
                "The same words moved by up to 100 ms and put through rooms and noise as the noisy set is,"
                f" 40 times each: {percent(again['all'])} of {again['all']['clips']} right, MicroNet Large"
                f" {percent(again['micronet_large'])}."
            ]
        ]
    parts += [["### The bundled recordings"]]
    parts += [[f"{sum(row['right'] for row in bundled)} of {len(bundled)} words right."]]
    parts += [recording_table(bundled)]
    return "\n\n".join("\n".join(part) for part in parts)


def update(card: Path, figures: dict) -> None:
    """Rewrites the part of the card between the markers."""
    text = card.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    card.write_text(f"{head}{BEGIN}\n\n{figures_text(figures)}\n\n{END}{tail}")
