"""Schemes as files: decisions over presets, versions, and faults named by file, line and rule."""

import json
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.schemes import MODELS, app, faults_between_parts, schema_text
from services.fieldwork.scheme import ActivityKind, DetailFault, FieldworkScheme
from services.intel.playbook import Playbook
from services.personnel.scheme import PersonnelScheme
from services.scoring.rubric import Rubric
from shared.schemes import Finding, SchemeError, Sourced, load_scheme, undecided
from shared.schemes.checks import check_schemes
from shared.schemes.documents import Document, Place, merge
from shared.schemes.loader import PRESETS, canonical
from tests.scoring.rubrics import DECIDED, DEMO, PRESET

DECISION = "decided_by: 市综治办\n    decided_on: 2026-11-01\n    basis: 会议纪要"


def write(folder: Path, part: str, text: str, scheme: str = "wenquan") -> Path:
    file = folder / scheme / f"{part}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def only_fault(folder: Path) -> Finding:
    (fault,) = check_schemes(MODELS, folder)
    return fault


@pytest.mark.parametrize("folder", [None, DEMO])
def test_the_presets_and_the_demo_are_in_order(folder: Path | None) -> None:
    assert check_schemes(MODELS, folder) == []


def test_an_override_decides_one_value_and_keeps_the_rest(tmp_path: Path) -> None:
    write(
        tmp_path,
        "scoring",
        f"readings:\n  population_floor:\n    status: interpreted\n    value: none\n    {DECISION}\n",
    )
    preset = load_scheme("wenquan", "scoring", Rubric)
    mine = load_scheme("wenquan", "scoring", Rubric, tmp_path)
    decided = mine.value.readings["population_floor"]
    assert (decided.value, decided.source, decided.decided_on) == ("none", "C-14", date(2026, 11, 1))
    assert mine.value.lines == preset.value.lines
    assert {point.source for point in undecided(preset.value)} - {point.source for point in undecided(mine.value)} == {
        "C-14"
    }


def test_the_version_is_of_the_whole_scheme_and_not_of_its_layout(tmp_path: Path) -> None:
    preset = load_scheme("wenquan", "scoring", Rubric)
    assert load_scheme("wenquan", "intel", Playbook).version == preset.version
    write(tmp_path, "scheme", "# only a comment\nid:   wenquan\n")
    assert load_scheme("wenquan", "scoring", Rubric, tmp_path).version == preset.version
    write(tmp_path, "intel", "signs: {weapon: 持械}\n")
    assert load_scheme("wenquan", "scoring", Rubric, tmp_path).version != preset.version


def test_a_list_of_an_override_replaces_the_presets(tmp_path: Path) -> None:
    write(tmp_path, "scheme", "notes: [只此一条]\n")
    assert load_scheme("wenquan", "scheme", MODELS["scheme"], tmp_path).value.model_dump()["notes"] == ("只此一条",)


def test_a_decision_without_basis_is_refused_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "scoring", "readings:\n  population_floor:\n    status: interpreted\n    value: zero\n")
    faults = check_schemes(MODELS, tmp_path)
    assert {(fault.file, fault.line, fault.rule) for fault in faults} == {(file, 2, "C-14")}
    assert "decided_by, decided_on and basis" in faults[0].message
    with pytest.raises(SchemeError, match="C-14"):
        load_scheme("wenquan", "scoring", Rubric, tmp_path)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("lines: {S-103: {full: null}}\n", {"S-103/full"}),
        ("lines: {S-115: {parts: null}}\n", {"S-115/each"}),
        ("grades: {bands: [], supervising_weight: 0}\n", {"C-17/bands", "C-17/weight"}),
    ],
)
def test_a_rule_cannot_be_removed_without_a_decision(tmp_path: Path, text: str, rules: set[str]) -> None:
    write(tmp_path, "scoring", text)
    undecided_ones = [fault for fault in check_schemes(MODELS, tmp_path) if "decided_by" in fault.message]
    assert {fault.rule for fault in undecided_ones} == rules
    assert {(fault.file.parent.parent, fault.line) for fault in undecided_ones} == {(tmp_path, 1)}


def test_rules_in_a_list_are_decided_before_the_list_is_replaced() -> None:
    rule = {"source": "S-101/each", "status": "literal", "value": 2}
    preset = Document({"steps": [rule]}, {(): Place(Path("preset"), 1)}, (Path("preset"),))

    def faults(*steps: dict[str, object]) -> list[str]:
        override = Document({"steps": list(steps)}, {(): Place(Path("mine"), 1)}, (Path("mine"),))
        return [fault.rule for fault in merge(preset, override).findings]

    assert faults() == faults({**rule, "value": 3}) == ["S-101/each"]
    assert faults({**rule, "value": 3, "decided_by": "x", "decided_on": "2026-11-01", "basis": "x"}) == []


def test_equal_numbers_are_one_value_and_their_digits_another() -> None:
    assert canonical(2) == canonical(Decimal("2.0")) == canonical(Decimal("2"))
    assert canonical(Decimal("0.50")) == canonical(Decimal("0.5"))
    assert len({canonical(value) for value in (2, "2", Decimal("2.5"), "2.5", [2], {"value": 2})}) == 6


def test_an_escalation_rule_is_decided_like_any_other(tmp_path: Path) -> None:
    write(tmp_path, "intel", "escalation:\n  unsettled: {severity: urgent}\n")
    fault = only_fault(tmp_path)
    assert (fault.line, fault.rule) == (2, "I-102/unsettled")
    write(tmp_path, "intel", f"escalation:\n  unsettled:\n    severity: urgent\n    {DECISION}\n")
    rule = load_scheme("wenquan", "intel", Playbook, tmp_path).value.escalation["unsettled"]
    assert (rule.severity, rule.decided_by) == ("urgent", "市综治办")


def test_an_open_escalation_rule_moves_nothing_and_is_listed() -> None:
    content = load_scheme("wenquan", "intel", Playbook).value.model_dump(mode="json")
    content["escalation"]["unsettled"] |= {"status": "undecided", "value": None, "question": "怎样算失控?"}
    playbook = Playbook.model_validate(content)
    assert playbook.escalation_for("dispute", "marriage", ["failed"]) is None
    assert "I-102/unsettled" in [point.source for point in undecided(playbook)]


def test_an_undecided_value_must_not_hold_a_value(tmp_path: Path) -> None:
    write(tmp_path, "scoring", f"readings:\n  population_floor:\n    value: zero\n    {DECISION}\n")
    fault = only_fault(tmp_path)
    assert (fault.rule, "undecided" in fault.message) == ("C-14", True)


def test_a_reading_that_is_no_choice_is_refused(tmp_path: Path) -> None:
    write(
        tmp_path,
        "scoring",
        f"readings:\n  base_mode:\n    status: interpreted\n    value: generous\n    {DECISION}\n",
    )
    fault = only_fault(tmp_path)
    assert (fault.line, fault.rule) == (2, "C-11")
    assert "exclusive, floor, additive" in fault.message


def test_two_values_for_one_rule_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "fieldwork", f"quotas:\n  households:\n   minimum:\n    value: 30\n    {DECISION}\n")
    fault = only_fault(tmp_path)
    assert (fault.file.name, fault.rule) == ("scoring.yaml", "F-001/households")
    assert "fieldwork.yaml:3" in fault.message


def test_a_misspelt_key_is_named_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "scoring", "lines:\n  S-113:\n    titel: 法制\n")
    fault = only_fault(tmp_path)
    assert (fault.file, fault.line) == (file, 3)
    assert "titel" in fault.message


@pytest.mark.parametrize(
    ("text", "line"),
    [("readings: {\n", 2), ("title: a\ntitle: b\n", 2), ("- a\n", 1), ("title: a\n  b: c\n", 2)],
)
def test_a_file_that_is_no_mapping_in_yaml_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    file = write(tmp_path, "scoring", text)
    fault = only_fault(tmp_path)
    assert (fault.file, fault.line) == (file, line)


def test_items_that_do_not_add_up_to_the_hundred_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "scoring", f"lines:\n  S-103:\n   full:\n    value: 5\n    {DECISION}\n")
    assert "add up to 101" in only_fault(tmp_path).message


def test_a_rubric_cannot_name_a_fact_that_nobody_defined(tmp_path: Path) -> None:
    write(tmp_path, "scoring", "lines:\n  S-112:\n    parts:\n      registration: {of: [ghost]}\n")
    assert "S-112: there is no fact ghost" in only_fault(tmp_path).message


def test_an_unknown_scheme_or_folder_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match="there is no scheme nowhere"):
        load_scheme("nowhere", "scoring", Rubric)
    with pytest.raises(SchemeError, match="does not exist"):
        load_scheme("wenquan", "scoring", Rubric, tmp_path / "missing")


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "undecided"},
        {"status": "literal"},
        {"status": "interpreted", "value": 1},
        {"status": "literal", "value": 1, "decided_by": "demo"},
        {"status": "literal", "value": 1, "source": "somewhere"},
    ],
)
def test_a_value_cannot_claim_more_than_it_has(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="1 validation error"):
        Sourced[int].model_validate({"source": "S-101", **fields})


def test_points_are_read_as_written_and_never_as_floats() -> None:
    household = PRESET.lines["S-101"].parts["households"]
    assert household.model_dump()["each"]["value"] == Decimal("0.5")


@pytest.mark.parametrize("part", MODELS)
def test_the_kept_json_schema_is_the_models(part: str) -> None:
    kept = (PRESETS / "json-schema" / f"{part}.json").read_text(encoding="utf-8")
    assert kept == schema_text(MODELS[part]), "run: cunjing schemes json-schema --out shared/schemes/json-schema"


def test_the_command_checks_and_exits_by_what_it_finds(tmp_path: Path) -> None:
    run = CliRunner()
    assert run.invoke(app, ["check", "--dir", str(DEMO)]).exit_code == 0
    write(tmp_path, "scoring", "readings:\n  base_mode: {value: floor}\n")
    refused = run.invoke(app, ["check", "--dir", str(tmp_path)], env={"COLUMNS": "400"})
    assert refused.exit_code == 1
    assert "C-11" in refused.stdout
    assert "scoring.yaml" in refused.stdout


def test_the_command_shows_what_is_open_and_who_decided_the_rest() -> None:
    shown = CliRunner().invoke(app, ["show", "wenquan", "--dir", str(DEMO)], env={"COLUMNS": "400"}).stdout
    assert "仅为演示而定:几个月取平均" in shown
    assert "I-201/accept" in shown


def test_the_command_writes_the_json_schemas(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["json-schema", "--out", str(tmp_path)]).exit_code == 0
    assert json.loads((tmp_path / "scoring.json").read_text(encoding="utf-8"))["title"] == "Rubric"


@cache
def kinds() -> dict[str, ActivityKind]:
    return load_scheme("wenquan", "fieldwork", FieldworkScheme).value.kinds


def kind(name: str) -> ActivityKind:
    return kinds()[name]


def test_details_of_an_activity_are_checked_field_by_field() -> None:
    delivery = kind("certificate_delivery")
    good = {"item": "id_card", "collected_on": "2026-10-01", "delivered_at": "2026-10-02T09:00:00+08:00"}
    assert delivery.faults(good) == []
    bad = {"item": "licence", "collected_on": "1 Oct", "delivered_at": "2026-10-02T09:00:00", "note": "x"}
    assert set(delivery.faults(bad)) == {
        DetailFault("note", "unknown"),
        DetailFault("item", "not_allowed"),
        DetailFault("collected_on", "wrong_type"),
        DetailFault("delivered_at", "wrong_type"),
    }
    assert DetailFault("item", "missing") in delivery.faults({})
    assert kind("publicity").faults({"topics": []}) == [DetailFault("topics", "not_allowed")]
    assert kind("patrol").faults({"mode": "foot", "night": 1}) == [DetailFault("night", "wrong_type")]


def test_restricted_kinds_are_marked() -> None:
    assert {name for name, kind in kinds().items() if kind.restricted} == {"key_person_visit", "case_support"}


def test_signs_of_violence_revenge_petition_and_lost_control_escalate() -> None:
    playbook = load_scheme("wenquan", "intel", Playbook).value
    assert playbook.escalation_for("dispute", "marriage", ()) is None
    causes = {
        sign: rule.cause
        for sign in ("violence", "revenge_threat", "group_petition", "uncontrollable", "failed", "not_lawful_on_spot")
        if (rule := playbook.escalation_for("dispute", "marriage", [sign]))
    }
    assert causes == {
        "violence": "violence_sign",
        "revenge_threat": "rule",
        "group_petition": "rule",
        "uncontrollable": "uncontrollable",
        "failed": "uncontrollable",
        "not_lawful_on_spot": "uncontrollable",
    }
    by_category = playbook.escalation_for("instability", "demolition_petition", ())
    assert by_category
    assert by_category.severity == "serious"
    route = playbook.route_for("instability")
    assert route
    assert route.to == "responsible_station"
    assert [point.source for point in undecided(playbook)] == ["I-201/report", "I-201/accept"]


def test_which_auxiliaries_are_appraised_is_open_until_somebody_decides() -> None:
    preset = load_scheme("wenquan", "personnel", PersonnelScheme).value
    assert [point.source for point in undecided(preset)] == ["P-001/auxiliaries"]
    assert "P-001/auxiliaries" in [point.source for point in undecided(PRESET)]
    assert undecided(load_scheme("wenquan", "personnel", PersonnelScheme, DEMO).value) == []
    assert undecided(DECIDED) == []


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("four_prevention: {where: {details.form: {at_least: 1}}}", "details.form is enum"),
        ("four_prevention: {where: {details.topics: {contains: nothing}}}", "details.topics is enums"),
        ("four_prevention: {where: {details.topics: law}}", "details.topics is enums"),
        ("night_patrol: {where: {details.night: 1}}", "details.night is bool"),
        ("dispute_resolved: {where: {details.state: setled}}", "details.state is enum"),
        ("hazard_rectified: {require: {not_rectified: {details.stat: rectified}}}", "there is no details.stat"),
        ("certificate_delivered: {within: {start: {at: {collected_at_station: details.item}}}}", "no date or instant"),
    ],
)
def test_a_rubric_asks_of_a_detail_only_what_fieldwork_declares(tmp_path: Path, addition: str, message: str) -> None:
    file = write(tmp_path, "scoring", f"facts:\n  {addition}\n")
    (fault,) = faults_between_parts(tmp_path)
    assert (fault.file, fault.line) == (file, 2)
    assert message in fault.message


@pytest.mark.parametrize("folder", [None, DEMO])
def test_the_parts_of_the_presets_fit_together(folder: Path | None) -> None:
    assert faults_between_parts(folder) == []
