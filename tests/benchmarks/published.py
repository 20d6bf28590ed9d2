"""Hold agents on public data of several classes against figures that others have measured on the same rows.

    make SCENARIO=banking-desk && make SCENARIO=airline-monitor
    python tests/benchmarks/published.py [banking-desk | airline-monitor]

For each candidate of the latest run: accuracy and macro F1 with 95% intervals, of the label and of each further output.
Banking: on the published test. Airline: on every row from 21 February on (the stream; repeated texts are
left out), of which the candidates have seen none. Beside them stand TF-IDF with logistic regression and a frozen
MiniLM with logistic regression, fitted on all earlier rows, as measured once outside this project.
"""

from __future__ import annotations

import argparse
import json

import pandas as pd

from loopbook.models import heads
from loopbook.models.model import Model
from loopbook.statistics import evaluation
from loopbook.store.project import Project

SPLITS = {"banking-desk": ("test",), "airline-monitor": ("stream",)}
KNOWN = {
    "banking-desk": "TF-IDF accuracy 0.894; MiniLM 0.921 to 0.928; a tuned BERT about 0.937",
    "airline-monitor": "TF-IDF accuracy 0.797, macro F1 0.694; MiniLM 0.798, 0.714; majority 0.669. Reason of negative "
    "rows, over five folds whatever the time: TF-IDF 0.608, 0.452; MiniLM 0.593, 0.500",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agent", nargs="?", choices=SPLITS, help="left out: both")
    one, project = parser.parse_args().agent, Project.find()
    for agent in [one] if one else SPLITS:
        record = json.loads((project.reports / agent / "latest" / "run.json").read_text(encoding="utf-8"))
        artifacts = {name: stage["artifacts"] for name, stage in record["stages"].items()}
        rows = pd.concat(
            [pd.read_parquet(project.data / artifacts["02_data"][name]) for name in SPLITS[agent]], ignore_index=True
        )
        print(f"{agent}, run {record['run']}, {record['profile']}: {len(rows):,} rows. Elsewhere: {KNOWN[agent]}.")
        for name in (name for name in artifacts if name.startswith("03_training")):
            model = Model.load(project.data / artifacts[name]["model"])
            answer = model.answer(rows, project.work / "embeddings")
            said = {"": answer.probability, **{of: p for of, (_, p) in answer.also.items()}}
            for head in model.outputs:
                target = rows[heads.column(head)]
                known = target.notna().to_numpy()
                code = target[known].cat.set_categories(list(head.classes)).cat.codes
                table = evaluation.metrics(code, said[head.name][known], task=head.kind, only=["accuracy", "macro_f1"])
                told = "   ".join(f"{of} {v:.4f} ({low:.4f} to {high:.4f})" for of, v, low, high in table.itertuples())
                print(f"  {name[12:-1]:<10} {head.name or 'label':<8} {int(known.sum()):>6,} rows   {told}")


if __name__ == "__main__":
    main()
