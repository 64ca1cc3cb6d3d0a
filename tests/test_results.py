"""Records, manifests and the tables made from them."""

import hashlib
import json
import math
import shutil
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from conftest import tiny_config

from s2i_lib import results
from s2i_lib.config import load_config
from s2i_lib.devices import uses_bfloat16
from s2i_lib.files import repository
from s2i_lib.results.findings import NOT_MEASURED, orders, sections
from s2i_lib.results.report import report
from s2i_lib.statistics import Estimate, mean_over_runs


@pytest.fixture
def run(project):
    run = results.Run(tiny_config(seed=3), "scores")
    run.add("ours", "fid_lite0_n32", 12.5, n=32, standard_error=0.25)
    run.add("real test images", "fid_lite0_n32", 1.0, n=32, recipe="", seconds=4.0)
    return run


def test_records_come_back_as_they_were_saved(run):
    saved = results.save_run(run)
    loaded = results.read_records(run.config.results_dir)
    pd.testing.assert_frame_equal(loaded, saved, check_dtype=False)
    assert loaded.config.tolist() == [run.config.fingerprint()] * 2
    assert loaded.recipe.tolist() == ["paper", ""] and loaded.seed.tolist() == [3, 3]


def test_what_was_not_measured_is_no_record():
    run = results.Run(load_config("small"), "scores")
    with pytest.raises(ValueError, match="accuracy: nothing was measured"):
        run.add("ours", "accuracy", float("nan"), n=3)
    assert not run.records
    smoke = results.Run(load_config("smoke"), "scores")
    smoke.add("ours", "accuracy", float("nan"), n=0)  # may have too little data
    assert len(smoke.records) == 1


def test_saving_again_replaces_the_records(run):
    results.save_run(run)
    run.records.pop()
    results.save_run(run)
    assert len(results.read_records(run.config.results_dir)) == 1


def test_records_of_several_runs_are_put_together(run):
    other = results.Run(tiny_config(seed=3, recipe="recommended"), "scores")
    other.add("ours", "fid_lite0_n32", 13.5, n=32)
    results.save_run(run)
    results.save_run(other)
    assert sorted(results.read_records(run.config.results_dir).value) == [1.0, 12.5, 13.5]


def test_a_folder_without_records_is_an_empty_table(tmp_path):
    records = results.read_records(tmp_path)
    assert records.empty and list(records.columns) == results.COLUMNS


@pytest.fixture
def committed_results(tmp_path, monkeypatch):
    """The `results` of a repository that is not the project's folder."""
    (tmp_path / "repository").mkdir()
    monkeypatch.setattr("s2i_lib.results.records.repository", lambda: tmp_path / "repository")
    monkeypatch.setenv("S2I_ROOT", str(tmp_path / "project"))
    return tmp_path / "repository" / "results"


def _save_one(config, value, to=None):
    run = results.Run(config, "07_scores")
    run.add("ours", "fid_lite0_n32", value, n=32)
    results.save_run(run)
    for kind, suffix in (("records", "csv"), ("manifests", "json")) if to else ():
        (to / kind).mkdir(parents=True, exist_ok=True)
        (config.results_dir / kind / f"{run.name}.{suffix}").rename(to / kind / f"{run.name}.{suffix}")
    return run


def test_own_records_stand_beside_the_committed_ones_and_replace_those_of_the_same_run(committed_results):
    first, second = (load_config("small", seed=seed) for seed in (0, 1))
    _save_one(first, 1.0, to=committed_results)
    _save_one(second, 2.0, to=committed_results)
    assert sorted(results.load_records(first).value) == [1.0, 2.0]
    run = _save_one(second, 3.0)
    assert sorted(results.load_records(first).value) == sorted(results.load_records(first, second).value) == [1.0, 3.0]
    assert (first.results_dir / "records" / f"{run.name}.csv").is_file() and first.results_dir.parent.name == "runs"
    assert list(results.load_manifests("birds-small-s1*", first)) == [run.name]
    assert len(results.load_manifests("*", first)) == 2
    smoke = load_config("smoke")
    _save_one(smoke, 9.0)
    assert results.load_records(smoke).value.tolist() == [9.0]  # stands alone
    assert sorted(results.load_records(first).value) == [1.0, 3.0]


def test_a_table_is_saved_among_the_results_of_the_run(project):
    path = results.save_table(tiny_config(), "numbers", pd.DataFrame({"a": [1 / 3]}), float_format="%.3f")
    assert path == tiny_config().results_dir / "numbers.csv" and path.read_text() == "a\n0.333\n"


def test_a_shared_run_belongs_to_no_recipe(project):
    run = results.Run(tiny_config(), "01_data", shared=True)
    run.add("images", "count", 16, n=16)
    assert "paper" not in run.name and run.records[0]["recipe"] == ""


def test_a_manifest_names_inputs_and_outputs_by_their_checksums(run, project):
    file = project / "input.npy"
    file.write_bytes(b"some bytes")
    results.save_run(run, inputs=[file])
    manifest = json.loads((run.config.results_dir / "manifests" / f"{run.name}.json").read_text())
    assert list(manifest["inputs"].values()) == [hashlib.sha256(b"some bytes").hexdigest()]
    assert manifest["fingerprint"] == run.config.fingerprint() and manifest["packages"]["torch"]
    assert manifest["hardware"]["cores"] >= 1


def test_a_quick_second_execution_does_not_hide_how_long_the_first_took(run, project):
    path = run.config.results_dir / "manifests" / f"{run.name}.json"
    run.started -= 100
    results.save_run(run)
    run.started += 100
    results.save_run(run)
    manifest = json.loads(path.read_text())
    assert manifest["seconds"] < 50 and manifest["longest_seconds"] >= 100
    path.write_text(path.read_text().replace(manifest["fingerprint"], "another"))
    results.save_run(run)
    assert json.loads(path.read_text())["longest_seconds"] < 50  # another configuration takes its own time


def _records(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["method", "recipe", "seed", "metric", "value"])


def test_a_table_shows_mean_and_standard_error_over_seeds():
    records = _records(
        ("ours", "paper", 0, "is", 2.0),
        ("ours", "paper", 1, "is", 4.0),
        ("ours", "recommended", 0, "is", 5.0),
        ("ours", "paper", 0, "fid", 7.0),
        ("ours", "paper", 0, "other", 9.0),
    )
    table = results.score_table(records, ["fid", "is"], digits=2)
    assert table.to_dict("records") == [
        {"method": "ours", "recipe": "paper", "fid": "7.00", "is": "3.00 ± 1.00"},  # sd sqrt(2) over sqrt(2) seeds
        {"method": "ours", "recipe": "recommended", "fid": "", "is": "5.00"},
    ]


def test_a_number_recorded_twice_is_no_second_seed():
    records = _records(("ours", "paper", 0, "is", 2.0), ("ours", "paper", 0, "is", 4.0), ("ours", "paper", 1, "is", 5.0))
    assert results.score_table(records, ["is"], digits=2)["is"].tolist() == ["4.00 ± 1.00"]
    assert results.score_table(records[:2], ["is"], digits=2)["is"].tolist() == ["3.00"]


def test_a_metric_without_records_is_an_empty_column():
    table = results.score_table(_records(("ours", "paper", 0, "is", 2.0)), ["is", "fid"])
    assert table.fid.tolist() == [""]


def test_a_table_keeps_the_order_of_the_records():
    table = results.score_table(_records(("z", "", 0, "is", 1.0), ("a", "", 0, "is", 2.0)), ["is"])
    assert table.method.tolist() == ["z", "a"]


def test_a_table_of_nothing_is_empty():
    table = results.score_table(_records(), ["is"])
    assert table.empty and list(table.columns) == ["method", "recipe", "is"]


PUBLISHED = pd.DataFrame({"method": ["near", "far", "absent"], "metric": "is", "value": [4.0, 4.0, 4.0]})
OURS = {("near", "is"): 4.1, ("far", "is"): 3.0}


def test_comparison_with_the_paper():
    table = results.compare(PUBLISHED, OURS, comparable=True)
    assert table.status.tolist() == ["match", "differs", "not run"]
    assert table.difference[:2].tolist() == pytest.approx([0.1, -1.0])


def test_what_cannot_be_compared_never_matches():
    assert results.compare(PUBLISHED, OURS, comparable=False).status.tolist() == ["not comparable"] * 2 + ["not run"]


def test_every_status_is_a_known_one():
    statuses = {status for flag in (True, False) for status in results.compare(PUBLISHED, OURS, flag).status}
    assert statuses == set(results.STATUSES)


def test_published_numbers_are_unique_and_what_is_missing_is_explained():
    published = results.published()
    assert pd.api.types.is_numeric_dtype(published.value)
    assert not published.duplicated(["table", "dataset", "method", "input", "metric"]).any()
    assert published[published.value.isna()].note.notna().all()


def test_markdown_has_one_line_per_row():
    table = pd.DataFrame({"method": ["ours", "theirs"], "is": ["4.1", ""]})
    assert results.markdown(table).splitlines() == ["| method | is |", "|---|---|", "| ours | 4.1 |", "| theirs |  |"]


def test_a_section_is_replaced_and_nothing_else(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- scores -->\nold\n<!-- /scores -->\nafter\n")
    for _ in range(2):
        results.replace_section(path, "scores", "| new |")
    assert path.read_text() == "before\n<!-- scores -->\n| new |\n<!-- /scores -->\nafter\n"


def test_a_missing_section_is_refused(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("nothing here\n")
    with pytest.raises(ValueError, match="README.md has no section <!-- scores -->"):
        results.replace_section(path, "scores", "x")


def test_the_report_is_that_of_the_committed_records(committed):
    folder = committed("results") / "results"
    text = report(folder, "small")
    assert text == (folder / "report.md").read_text(), "run ./run_all.sh --publish"
    verdicts = pd.read_csv(folder / "what_holds_small.csv", keep_default_na=False)
    assert text.count("\n- **") == len(verdicts) and "$" not in text


def test_a_report_says_which_verdicts_changed_and_why(committed):
    folder = committed("results") / "results"
    verdicts = pd.read_csv(folder / "what_holds_small_version_1.csv", keep_default_na=False)
    verdicts.to_csv(folder / "what_holds_small.csv", index=False)
    assert "## Verdicts that changed\n" in report(folder) and "None." in report(folder)
    row = verdicts.index[verdicts.verdict == "holds"][0]
    verdicts.loc[row, ["verdict", "seeds", "effect"]] = ["undecided", 7, "+0.1 (-0.1 to +0.3)"]
    verdicts.to_csv(folder / "what_holds_small.csv", index=False)
    changed = next(line for line in report(folder).splitlines() if "| holds | undecided |" in line)
    assert "7 instead of" in changed and "+0.1 (-0.1 to +0.3) instead of" in changed


def test_the_readmes_show_the_committed_records(committed):
    root = committed("README.md", "results")
    records = results.read_records(root / "results")
    for folder, tables in ((root, results.readme_tables), (root / "results", results.full_tables)):
        shown = tables(records, "small")
        assert shown and shown in (folder / "README.md").read_text(), "run ./run_all.sh --publish"


def test_the_readme_leaves_out_seeds_that_only_some_methods_have():
    row = {"dataset": "birds", "profile": "small", "recipe": "paper", "method": "ours"}
    scored = [
        {**row, "chapter": "05_speech_encoder", "metric": "zero_shot_accuracy", "seed": 0, "value": 0.5},
        {**row, "chapter": "07_scores", "metric": "colour_attribute_accuracy", "seed": 0, "value": 0.25},
    ]
    further = [{**scored[0], "seed": 1, "value": 0.75}]
    assert results.readme_tables(pd.DataFrame(scored + further), "small") == results.readme_tables(
        pd.DataFrame(scored), "small"
    )
    assert "mean of 1 training run." in results.readme_tables(pd.DataFrame(scored), "small")


def test_the_readme_leaves_out_recipes_that_are_no_method():
    row = {"dataset": "birds", "profile": "small", "seed": 0, "metric": "zero_shot_accuracy"}
    ours = {**row, "recipe": "paper", "method": "ours", "chapter": "07_scores", "value": 0.5}
    reader = {**row, "recipe": "recommended_text", "method": "", "chapter": "11_text_to_image", "value": 0.75}
    shown = results.readme_tables(pd.DataFrame([ours, reader]), "small")
    assert shown == results.readme_tables(pd.DataFrame([ours]), "small") and "0.50" in shown


def test_table_3_has_the_methods_that_take_speech_and_the_distance_that_the_paper_prints():
    chapters = {"chapter": "19_table_3", "dataset": "rooms", "profile": "small", "seed": 0}
    same = {**chapters, "method": "ours", "metric": "frechet_classifier_n9"}
    records = pd.DataFrame(
        [{**same, "recipe": "paper", "value": 2.5}, {**same, "chapter": "13_table_2", "recipe": "recommended", "value": 7.5}]
    )
    table = results.table_3(records, "rooms", "small").set_index("method")
    assert list(table.index) == [
        "two-stage, pocketsphinx",
        "two-stage, whisper_tiny_en",
        "two-stage, whisper_tiny_en, taught on transcripts",
        "classifier-based",
        "ours, paper",
        "ours, recommended",
    ]
    assert table.loc["ours, paper", ["Fréchet distance (classifier)", "paper's FID", "status"]].tolist() == [
        "2.500",
        "83.06",
        "not comparable",
    ]
    assert table.loc["ours, recommended", ["Fréchet distance (classifier)", "status"]].tolist() == [
        "",
        "not run",
    ]  # another chapter's record
    assert "paper's IS" not in table


def _photographs(network, classifier, method="ours", recipe="paper", fid=18.0, score=4.05):
    same = {"chapter": "13_table_2", "dataset": "cub", "profile": "paper", "seed": 0, "method": method, "recipe": recipe}
    return [
        {**same, "metric": f"{network}_n29330", "value": fid},
        {**same, "metric": f"is_{classifier}_n29330", "value": score},
    ]


@pytest.mark.parametrize(
    "network, classifier, fid, status",
    [
        ("fid_inception", "inception", 18.0, "match"),
        ("fid_inception", "inception", 25.0, "differs"),
        ("frechet_classifier", "classifier", 18.0, "not comparable"),
        ("fid_inception", "classifier", 18.0, "not comparable"),
    ],
)
def test_photographs_match_or_differ_where_the_paper_s_networks_looked(network, classifier, fid, status):
    records = pd.DataFrame(_photographs(network, classifier, fid=fid))
    row = results.table_2(records, "cub", "paper").set_index("method").loc["ours, paper"]
    assert row.status == status and row["paper's FID"] == "18.37"
    distance = "FID" if network == "fid_inception" else "Fréchet distance (classifier)"
    score = "IS" if classifier == "inception" else "IS (classifier)"
    assert row[[distance, score]].all()


def test_what_the_paper_does_not_have_is_never_compared_with_it():
    rows = _photographs("fid_inception", "inception", recipe="recommended") + _photographs(
        "fid_inception", "inception", "two-stage, whisper_tiny_en", "text"
    )
    table = results.table_2(pd.DataFrame(rows), "cub", "paper").set_index("method")
    assert table.loc[["ours, recommended", "two-stage, whisper_tiny_en"], "status"].tolist() == ["not comparable"] * 2
    assert table.loc["ours, paper", "status"] == "not run"
    birds = pd.DataFrame(_photographs("fid_inception", "inception")).assign(dataset="birds", profile="small")
    assert set(results.table_2(birds, "birds", "small").status) == {"not comparable", "not run"}


def test_a_claim_about_fid_reads_whatever_network_looked():
    for name in ("frechet_classifier_n100", "fid_inception_n100"):
        records = _measured(("ours", name, 0, 0.5, 0.0), ("other", name, 0, 0.3, 0.0))
        claim = _claim_row(metric="FID", than_method="other", than_recipe="paper")
        assert results.effect(records, claim)["value"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "dataset, name", [("birds", "zero_shot_accuracy"), ("cub", "zero_shot_accuracy"), ("rooms", "class_accuracy")]
)
def test_an_accuracy_is_zero_shot_only_on_new_classes(dataset, name):
    assert results.class_metric(dataset) == name


def _claim_row(**changes):
    fields = {
        "chapter": "1",
        "method": "ours",
        "recipe": "paper",
        "metric": "score",
        "than_method": "",
        "than_recipe": "",
        "than": "",
        "sense": ">",
        "spread": "sentences",
    }
    return SimpleNamespace(**{**fields, **changes})


def _measured(*rows):
    return pd.DataFrame(
        [
            {
                "chapter": "1",
                "method": m,
                "recipe": "paper",
                "metric": metric,
                "seed": seed,
                "value": value,
                "standard_error": error,
                "n": 100,
            }
            for m, metric, seed, value, error in rows
        ]
    )


def test_an_effect_is_the_difference_of_two_records_with_both_errors():
    records = _measured(("ours", "score", 0, 0.5, 0.03), ("other", "score", 0, 0.3, 0.04))
    found = results.effect(records, _claim_row(than_method="oth*", than_recipe="paper"))
    assert found.items() >= {"seeds": 1, "n": 100, "errors": "sentences"}.items()
    assert [found[end] - 0.2 for end in ("low", "high")] == pytest.approx([-1.959964 * 0.05, 1.959964 * 0.05])


def test_an_effect_over_seeds_has_their_spread_and_one_seed_has_none():
    rows = [("ours", "fid_n100", seed, value, math.nan) for seed, value in enumerate((10.0, 12.0, 14.0))]
    found = results.effect(_measured(*rows), _claim_row(metric="fid_n", than="9", spread="seeds"))
    assert found["value"] == pytest.approx(3) and found["seeds"] == 3
    assert found["high"] - found["value"] == pytest.approx(4.30265273 * 2 / 3**0.5)  # Student's t
    alone = results.effect(_measured(rows[0]), _claim_row(metric="fid_n", spread="seeds"))
    assert alone["value"] == 10 and math.isnan(alone["low"]) and results.verdict(alone, ">") == "one run"


def test_a_distance_of_one_run_has_the_pooled_deviation_between_seeds():
    seeds = [
        ("norm", 0, 800.0),
        ("norm", 1, 900.0),
        ("paper", 0, 1000.0),
        ("paper", 1, 1100.0),
        ("paper", 2, 1050.0),
        ("norm_jel", 0, 5.0),
    ]
    same = {"chapter": "15_table_4", "metric": "frechet_classifier_n9", "standard_error": math.nan, "n": 9}
    table_4 = pd.DataFrame(
        [{**same, "method": recipe, "recipe": recipe, "seed": seed, "value": value} for recipe, seed, value in seeds]
    )
    deviation, degrees = results.between_seed_deviation(table_4, "FID")
    assert degrees == 3 and deviation == pytest.approx(math.sqrt((1 * 5000 + 2 * 2500) / 3))  # a single seed does not count
    again = table_4[table_4.recipe == "paper"].assign(chapter="07_scores", method="ours")
    other = again.head(2).assign(recipe="recommended", value=[600.0, 700.0])
    mismatched = other.assign(method="mismatched speech", recipe="elsewhere")
    deviation_7, degrees_7 = results.between_seed_deviation(pd.concat([table_4, again, other, mismatched]), "FID")
    assert degrees_7 == 4 and deviation_7 == pytest.approx(math.sqrt((3 * deviation**2 + 5000) / 4))  # `paper` counts once
    once = _measured(
        ("ours", "frechet_classifier_n9", 0, 1000.0, math.nan), ("other", "frechet_classifier_n9", 0, 700.0, math.nan)
    )
    claim = _claim_row(metric="FID", than_method="other", than_recipe="paper", spread="seeds")
    found = results.effect(pd.concat([once, table_4]), claim)
    assert found["value"] == 300 and found["high"] - 300 == pytest.approx(3.182446305 * 2**0.5 * deviation)
    assert found["errors"] == "pooled"
    assert results.verdict(results.effect(once, claim), ">") == "one run"  # no other rows to pool


def _paired(*estimates, seeds=1):
    """The records of a paired difference, one for each seed."""
    frames = []
    for seed, estimate in enumerate(estimates):
        run = results.Run(tiny_config(seed=seed), "1", shared=True)
        results.record_paired(run, "A beats B", estimate, seeds, 100)
        frames.append(pd.DataFrame(run.records))
    return pd.concat(frames)


def test_a_paired_effect_is_read_with_its_own_interval():
    estimate = Estimate(0.1, 0.1, 12.0)
    found = results.effect(_paired(estimate, seeds=2), _claim_row(method="A beats B", metric="paired"))
    assert (found["value"], found["low"], found["high"]) == pytest.approx(estimate.interval)
    assert found.items() >= {"seeds": 2, "n": 100, "errors": "sentences, seeds"}.items()


def test_paired_effects_of_several_seeds_are_joined():
    estimates = [Estimate(mean, 0.05, 49.0) for mean in (0.1, 0.3, 0.2)]
    found = results.effect(_paired(*estimates), _claim_row(method="A beats B", metric="paired"))
    assert (found["value"], found["low"], found["high"]) == pytest.approx(mean_over_runs(estimates).interval)
    assert found["error"] == pytest.approx(math.hypot(0.05, 0.1 / 3**0.5)) and found["seeds"] == 3


def test_a_seed_that_was_measured_elsewhere_is_read_and_other_settings_are_named(project):
    for seed in (0, 1):
        run = results.Run(tiny_config(seed=seed), "15_table_4", shared=True)
        run.add("norm", "zero_shot_accuracy", 0.5 + seed, n=9, recipe="norm")
        results.save_run(run)
    assert results.earlier_records(tiny_config(seed=1), "15_table_4").value.tolist() == [1.5]
    assert results.earlier_manifest(tiny_config(seed=1), "15_table_4")["hardware"] == results.hardware()
    assert results.earlier_records(tiny_config(seed=2), "15_table_4").empty
    with pytest.raises(FileNotFoundError, match="chapter 15_table_4 has recorded nothing"):
        results.earlier_manifest(tiny_config(seed=2), "15_table_4")
    assert results.earlier_records(tiny_config(seed=1), "16_table_5").empty
    other = "float32" if uses_bfloat16(tiny_config()) else "bfloat16"
    for changed in (tiny_config(seed=1, gan={"steps": 7}), tiny_config(seed=1).model_copy(update={"precision": other})):
        with pytest.warns(UserWarning, match="seed 1: 15_table_4 was recorded under earlier settings"):
            former = results.earlier_records(changed, "15_table_4")
        assert former.value.tolist() == [1.5]


def test_a_digest_that_looks_like_a_number_stays_a_text(tmp_path):
    (tmp_path / "records").mkdir()
    records = _measured(("ours", "score", 0, 1.0, 0.1)).assign(config="1234567e8901")
    records.to_csv(tmp_path / "records" / "a.csv", index=False)
    assert results.read_records(tmp_path).config.tolist() == ["1234567e8901"]


@pytest.mark.parametrize("chapter", ["1", "a chapter without records"])
@pytest.mark.parametrize("metric", ["score", "paired"])
def test_what_was_not_run_has_no_verdict(metric, chapter):
    records = _measured(("other", "score", 0, 1.0, 0.1))
    assert results.verdict(results.effect(records, _claim_row(metric=metric, chapter=chapter)), ">") == "not run"


def test_a_chapter_that_measured_nothing_leaves_the_types_of_the_others(tmp_path):
    (tmp_path / "records").mkdir()
    filled = _measured(("ours", "score", 0, 1.0, 0.1))
    filled.to_csv(tmp_path / "records" / "a.csv", index=False)
    filled.head(0).to_csv(tmp_path / "records" / "b.csv", index=False)
    assert results.read_records(tmp_path).value.dtype == float


@pytest.mark.parametrize(
    "low, high, sense, expected",
    [
        (0.1, 0.2, ">", "holds"),
        (-0.2, -0.1, ">", "does not hold"),
        (-0.1, 0.2, ">", "undecided"),
        (-0.2, -0.1, "<", "holds"),
        (0.1, 0.2, "<", "does not hold"),
        (-0.1, 0.2, "<", "undecided"),
        (-0.04, 0.04, "within 0.05", "holds"),
        (0.06, 0.2, "within 0.05", "does not hold"),
        (-0.2, -0.06, "within 0.05", "does not hold"),
        (0.01, 0.06, "within 0.05", "undecided"),
        (0.1, 0.2, "", "not testable"),
        (0.06, 0.2, "> 0.05", "holds"),
        (0.01, 0.2, "> 0.05", "undecided"),
        (0.01, 0.04, "> 0.05", "does not hold"),
        (0.01, 0.04, "between 0 and 0.05", "holds"),
        (0.06, 0.2, "between 0 and 0.05", "does not hold"),
        (-0.2, -0.1, "between 0 and 0.05", "does not hold"),
        (-0.01, 0.04, "between 0 and 0.05", "undecided"),
    ],
)
def test_a_verdict_needs_the_whole_interval(low, high, sense, expected):
    assert results.verdict({"low": low, "high": high, "seeds": 1}, sense) == expected
    assert expected in results.VERDICTS


@pytest.mark.parametrize(
    "mean, sense, edge",
    [
        (0.1, ">", 0.0),
        (-0.1, ">", 0.0),
        (0.1, "> 0.05", 0.05),
        (0.04, "within 0.05", 0.05),  # the nearer edge
        (-0.2, "within 0.05", -0.05),
        (0.01, "between 0 and 0.05", 0.0),
        (0.2, "between 0 and 0.05", 0.05),
    ],
)
def test_the_p_value_of_a_verdict_is_about_the_nearest_edge_of_the_claim(mean, sense, edge):
    estimate = Estimate(mean, 0.02, 30.0)
    found = {"value": mean, "low": mean - 1, "high": mean + 1, "error": 0.02, "freedom": 30.0, "seeds": 1}
    assert results.p_value(found, sense) == pytest.approx(estimate.p_value(edge))
    assert math.isnan(results.p_value({**found, "low": math.nan}, sense)) and math.isnan(results.p_value(found, ""))


def test_a_verdict_needs_a_small_corrected_p_value_too():
    clear = {"low": 0.1, "high": 0.2, "seeds": 1}
    assert results.verdict(clear, ">", 0.04) == "holds" and results.verdict(clear, ">", 0.06) == "undecided"
    assert results.verdict({**clear, "low": -0.1}, ">", 0.04) == "undecided"


def test_a_claim_that_was_changed_after_it_was_frozen_is_noticed(monkeypatch, tmp_path):
    frozen = results.frozen_claims()
    assert list(frozen.columns) == ["date", "sha256", "reason"] and frozen.reason.str.len().gt(10).all()
    (tmp_path / "results").mkdir()
    for name in ("claims.csv", "claims_frozen.csv"):
        shutil.copy(repository() / "results" / name, tmp_path / "results" / name)
    with (tmp_path / "results" / "claims.csv").open("a") as file:
        file.write("\n")
    monkeypatch.setattr(sys.modules["s2i_lib.results.claims"], "repository", lambda: tmp_path)  # a function has that name, too
    with pytest.raises(ValueError, match="claims.csv is not what was frozen on 2026-"):
        results.frozen_claims()


def test_a_sense_that_means_nothing_is_refused():
    with pytest.raises(ValueError, match="'above' is unknown"):
        results.verdict({"low": 0.1, "high": 0.2, "seeds": 1}, "above")


def test_every_claim_names_a_record_that_some_chapter_writes_or_says_why_not():
    claims, notebooks = results.claims(), repository() / "notebooks"
    assert len(claims) >= 25 and not claims.duplicated(["section", "claim", "data"]).any()
    assert claims[claims.sense == ""].note.str.len().gt(10).all()
    for claim in claims[claims.sense != ""].itertuples():
        text = (notebooks / f"{claim.chapter}.ipynb").read_text()
        name = claim.metric.removesuffix("_n").removeprefix("attribute_accuracy_")
        if claim.metric == "paired":
            name = claim.method.partition(":")[0].removeprefix("on real speech, ").removeprefix("on degraded speech, ")
        assert name in text or name in (repository() / "s2i_lib" / "evaluation.py").read_text(), f"{claim.claim}: {name}"


def test_nothing_matches_a_number_that_the_paper_lost():
    rows = pd.DataFrame([{"method": "two-stage", "metric": "IS", "value": float("nan")}])
    assert results.compare(rows, {("two-stage", "IS"): 4.0}, comparable=True).status.tolist() == ["not comparable"]


def test_findings_have_the_numbers_of_the_records(monkeypatch, tmp_path):
    rows = [("birds", 0, 0.5), ("birds", 1, 0.7), ("flowers", 0, 0.1)]
    (tmp_path / "records").mkdir()
    pd.DataFrame(
        [
            {
                **dict.fromkeys(results.COLUMNS, ""),
                "dataset": dataset,
                "profile": "small",
                "chapter": "07_scores",
                "n": 9,
                "code": 2,
            }
            | {"method": "ours", "recipe": "paper", "metric": "recall_classifier_n9", "seed": seed, "value": value}
            for dataset, seed, value in rows
        ]
    ).to_csv(tmp_path / "records" / "a.csv", index=False)
    module = sys.modules["s2i_lib.results.findings"]
    text = (
        "Half: {birds|07_scores|ours|paper|recall_classifier_n|.0%}; {birds|07_scores|ours|text|map|.2f}."
        " <!-- {birds|07_scores|ours|paper|recall_classifier_n} - 0.5"
        " > {flowers|07_scores|ours|paper|recall_classifier_n} -->\n"
        "<!-- 0 > {birds|07_scores|ours|text|map} -->"
    )
    monkeypatch.setattr(module, "sections", lambda: {"07_scores": text})
    monkeypatch.setattr(module, "load_records", lambda *_: results.read_records(tmp_path))
    assert module.findings("07_scores") == f"Half: 60%; {module.NOT_MEASURED}."
    assert module.findings("07_scores")._repr_markdown_().startswith("Half")
    ((_, larger, smaller),) = module.orders("07_scores")  # of the other one, a number was not recorded
    assert (larger, smaller) == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize("chapter", sections())
def test_what_a_finding_says_about_the_order_of_numbers_is_so_in_the_records(chapter):
    """Where new runs turn an order round, the sentence in ``findings.md`` has to be written anew."""
    for said, larger, smaller in orders(chapter):
        assert larger > smaller, f"{said}: {larger:.4g} and {smaller:.4g}"


@pytest.mark.parametrize("chapter", sections())
def test_every_number_of_a_finding_is_recorded_and_shown_in_its_chapter(chapter):
    notebook = repository() / "notebooks" / f"{chapter}.ipynb"
    assert f'results.findings(\\"{chapter}\\")' in notebook.read_text()
    recorded = results.load_records(load_config("small", "birds"))
    if (recorded.chapter == chapter).any() or not recorded.chapter.str[:2].ge(chapter[:2]).any():
        assert NOT_MEASURED not in results.findings(chapter)
