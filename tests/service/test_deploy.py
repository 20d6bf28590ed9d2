"""The image and the manifest: what can be checked of them without an engine and a cluster, which nothing here has."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from tests.postgres import Server
from tests.service.conftest import SCENARIO
from tests.service.test_replicas import Replica, key
from tests.smoke import ROOT

from loopbook.cli.commands import app
from loopbook.decisions.audit.database import ADDRESS
from loopbook.scenario.service import ServiceSettings
from loopbook.service import agent, metrics, openapi, scaling
from loopbook.service.client import Client
from loopbook.setup.lock import SERVICE_LOCK, pins
from loopbook.store.project import Project

FOLDER = ROOT / "src" / "loopbook" / "service" / "deploy"
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))
KINDS: dict[str, dict[str, Any]] = {document["kind"]: document for document in DOCUMENTS}
POD: dict[str, Any] = KINDS["Deployment"]["spec"]["template"]
CONTAINER: dict[str, Any] = POD["spec"]["containers"][0]
INSTRUCTIONS = [
    tuple(line.split(maxsplit=1))
    for line in re.sub(r"\\\n", " ", (FOLDER / "Containerfile").read_text(encoding="utf-8")).splitlines()
    if line.strip() and not line.startswith("#")
]


def instructions(name: str) -> list[str]:
    return [rest for word, rest in INSTRUCTIONS if word == name]


def last_stage() -> list[tuple[str, ...]]:
    begin = max(at for at, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM")
    return INSTRUCTIONS[begin:]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ScaledObject"])
def test_each_object_fits_the_schema_of_kubernetes(kind: str) -> None:
    kubernetes_validate.validate(KINDS[kind], kubernetes_validate.latest_version(), strict=True)


def test_the_schema_would_find_a_mistake() -> None:
    wrong = json.loads(json.dumps(KINDS["Deployment"]))
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_what_keda_hands_to_the_autoscaler_fits_its_schema() -> None:
    scaled = KINDS["ScaledObject"]["spec"]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": scaled["scaleTargetRef"]["name"]}
    limits = {"minReplicas": scaled["minReplicaCount"], "maxReplicas": scaled["maxReplicaCount"]}
    behavior = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    made = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "loopbook"},
        "spec": {"scaleTargetRef": target, **limits, "behavior": behavior},
    }
    kubernetes_validate.validate(made, kubernetes_validate.latest_version(), strict=True)


def test_the_cluster_scales_by_the_numbers_of_our_own_rule() -> None:
    rule, settings, scaled = scaling.Rule(1, 2), ServiceSettings(), KINDS["ScaledObject"]["spec"]
    (trigger,) = scaled["triggers"]
    down = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert float(trigger["metadata"]["threshold"]) == rule.target == settings.scale_queue
    assert down["stabilizationWindowSeconds"] == rule.calm == settings.scale_calm_seconds
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    assert f"histogram_quantile({scaling.SHARE}," in trigger["metadata"]["query"]
    counted = metrics.Metrics()
    counted.batch([0.01])
    (name,) = re.findall(r"rate\((\w+)\{", trigger["metadata"]["query"])
    assert f"{name}{{" in counted.text()[0].decode()


def test_names_meet() -> None:
    labels = POD["metadata"]["labels"]
    assert KINDS["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert KINDS["Service"]["spec"]["selector"].items() <= labels.items()
    assert KINDS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert KINDS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert KINDS["ScaledObject"]["spec"]["scaleTargetRef"]["name"] == KINDS["Deployment"]["metadata"]["name"]
    assert POD["spec"]["serviceAccountName"] == KINDS["ServiceAccount"]["metadata"]["name"]
    assert "replicas" not in KINDS["Deployment"]["spec"], "it would be set back by each apply"
    volumes = {volume["name"] for volume in POD["spec"]["volumes"]}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} <= volumes
    (port,) = CONTAINER["ports"]
    assert str(port["containerPort"]) == POD["metadata"]["annotations"]["prometheus.io/port"]
    assert str(port["containerPort"]) in instructions("EXPOSE")


def test_the_pod_keeps_to_the_restricted_standard_and_mounts_nothing_unmasked() -> None:
    pod, own = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] and pod["runAsUser"] > 0 and pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(POD["spec"])
    assert instructions("USER")[-1] == f"{pod['runAsUser']}:{pod['runAsGroup']}"
    data = [mount for mount in CONTAINER["volumeMounts"] if mount["name"] == "data"]
    assert all(mount["readOnly"] for mount in data) and not [each for each in data if "raw" in each["mountPath"]]
    project = Project(Path("/app"), Path("/data"))
    assert {mount["mountPath"] for mount in data} == {
        str(project.store), *(str(project.state / name) for name in ("snapshots", "champions", "challengers")),
    }  # fmt: skip


def test_probes_and_addresses_are_those_of_the_service() -> None:
    paths = {operation[1] for operation in openapi.OPERATIONS.values()}
    probes = [CONTAINER[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")]
    health = re.findall(r":8000(/\w+)", instructions("HEALTHCHECK")[0])
    assert {*probes, *health, POD["metadata"]["annotations"]["prometheus.io/path"]} <= paths
    assert len(health) == 1
    assert [variable["name"] for variable in CONTAINER["env"]] == [ADDRESS]
    assert agent.REVISION in " ".join(instructions("ENV"))


@pytest.mark.parametrize("words", [CONTAINER["args"], json.loads(instructions("CMD")[-1])])
def test_the_command_is_one_of_ours_with_options_that_it_has(words: list[str]) -> None:
    python, _, *command = json.loads(instructions("ENTRYPOINT")[-1])
    assert (python, command) == ("python", ["loopbook", "serve"])
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    context = serve.make_context("serve", list(words))
    assert context.params["host"] in ("0.0.0.0", "127.0.0.1") and scaling.limits(context.params["workers"]) == (1, 1)


def test_the_containerfile_is_built_of_what_is_there() -> None:
    assert INSTRUCTIONS[0] == ("ARG", "PYTHON=3.11-slim-bookworm")
    assert not instructions("ADD") and len(instructions("FROM")) == 2
    assert all(":" in rest and ":latest" not in rest for rest in instructions("FROM"))
    for rest in instructions("COPY"):
        if not rest.startswith("--from="):
            for source in shlex.split(rest)[:-1]:
                assert (ROOT / source).exists(), f"COPY {source}"
                listed = subprocess.run(
                    ["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True
                )
                assert listed.stdout, f"git does not have {source}"
    assert SERVICE_LOCK in " ".join(instructions("COPY"))
    for word, rest in last_stage():
        assert not (word == "RUN" and re.search(r"\b(?:pip|apt-get|curl|wget)\b", rest)), (
            "the image itself fetches nothing"
        )
    for rest in instructions("RUN"):
        if "pip install" in rest:
            assert "--require-hashes" in rest or "--no-deps --no-build-isolation" in rest
    assert not re.search(r"(?i)password|secret|token", " ".join(instructions("ENV") + instructions("ARG")))


ONLY = """\
import sys
from importlib import metadata

_ALLOWED = frozenset({allowed!r})
_FROM = metadata.packages_distributions()


class Only:
    def find_spec(self, name, path=None, target=None):
        there = {{each.lower().replace("_", "-") for each in _FROM.get(name.partition(".")[0], ())}}
        if there and not there & _ALLOWED:
            raise ImportError(f"the image does not hold {{name}}")


sys.meta_path.insert(0, Only())
"""


@pytest.fixture
def contained(finished: Project, postgres: Server, tmp_path: Path) -> Iterator[Replica]:
    """Return a replica in what the image holds: its files and packages, no capability, nothing to write to but /tmp."""
    app, data, guard, tmp = (tmp_path / name for name in ("app", "data", "guard", "tmp"))
    for rest in (rest for word, rest in last_stage() if word == "COPY" and not rest.startswith("--from=")):
        source, target = shlex.split(rest)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        (tmp_path / target[1:]).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / source, tmp_path / target[1:])
    shutil.copytree(finished.store, data / "store", copy_function=os.link)
    guard.mkdir()
    allowed = {*pins(ROOT / SERVICE_LOCK), "loopbook"}
    (guard / "sitecustomize.py").write_text(ONLY.format(allowed=sorted(allowed)))
    tmp.mkdir()
    folders = [folder for root in (app, data) for folder in (root, *root.rglob("*")) if folder.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    environment = {
        "PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": str(tmp), "COLUMNS": "200",
        "PYTHONPATH": f"{guard}:{ROOT / 'src'}", "PYTHONDONTWRITEBYTECODE": "1",
        "LOOPBOOK_PROJECT": str(app), "LOOPBOOK_DATA": str(data), ADDRESS: postgres.database(),
        agent.REVISION: "0123abcd",
    }  # fmt: skip
    dropped = [] if os.getuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]
    words = ["serve", "--scenario", SCENARIO, "--profile", "smoke", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        [*dropped, sys.executable, "-m", "loopbook", *words],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        cwd=app,
    )
    replica = Replica(Project(app, data), environment, process)
    try:
        replica.wait()
        yield replica
        assert replica.stop() == 0
    finally:
        process.kill()
        for folder in folders:
            folder.chmod(0o755)


def test_the_image_is_enough_to_serve(contained: Replica) -> None:
    files = {path for root in (contained.project.root, contained.project.data) for path in root.rglob("*")}
    with Client(contained.address, key(contained, "ann")) as client:
        decided = client.decide({"fields": {"text": "Shares fell after the audit found a hole."}})
        assert client.decision(decided["decision_id"], explain=True)["explanation"]["parts"]
        assert client.feedback(decided["decision_id"], "ann", rating=1)["id"]
        assert client.agent()["versions"]["code"] == "0123abcd"
    assert {path for root in (contained.project.root, contained.project.data) for path in root.rglob("*")} == files


def test_the_packages_of_the_image_are_installed_here() -> None:
    own = {each.metadata["Name"].lower().replace("_", "-") for each in metadata.distributions()}
    assert set(pins(ROOT / SERVICE_LOCK)) - own <= {"colorama", "httpx2-jsfetch", "tzdata"}, (
        "other platforms need these"
    )
