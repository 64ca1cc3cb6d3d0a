"""The plan of a run: which chapters, with which parameters, after which others."""

import json
from graphlib import TopologicalSorter

import pytest
from nbformat.v4 import new_code_cell, new_output
from stub_chapters import ROOT, edit, write_notebook

from s2i_lib import config
from s2i_lib.datasets import DATASETS
from s2i_lib.recipes import RECIPES, recipes_of
from s2i_lib.run import plan, timing
from s2i_lib.run.chapters import CHAPTERS
from s2i_lib.run.plan import Job, Selection

DATA = ["profile=small", "dataset=birds"]
OURS = ("paper", "recommended")
NAMES = list(CHAPTERS)
NO_DATA = ("30_primer", "31_after_2020", "32_data_ethics", "33_occlusion")


def executions(**options):
    """What a run would start, with what that needs: (chapter, parameters), in an order that is possible."""
    selection = Selection(**options)
    waiting, graph = plan.all_jobs(selection), {}
    while waiting:
        job = waiting.pop()
        graph[job] = plan.needs(job, selection)
        waiting += [needed for needed in graph[job] if needed not in graph]
    for job in graph:
        assert Job.of(job.chapter, wildcards_of(job)) == job
    return [(job.chapter, words(job, selection)) for job in TopologicalSorter(graph).static_order()]


def wildcards_of(job):
    values = {"dataset": job.dataset, "seed": job.seed, "recipe": job.recipe}
    return {name: str(value) for name, value in values.items() if value not in ("", None)}


def words(job, selection):
    return tuple(f"{name}={value}" for name, value in plan.parameters(job, selection).items())


def count(planned):
    return {name: sum(chapter == name for chapter, _ in planned) for name in NAMES}


def test_there_is_a_notebook_for_every_chapter_and_an_entry_for_every_notebook():
    assert [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))] == NAMES


def test_two_seeds_run_every_chapter_once_with_its_parameters():
    planned = executions(seeds=(0, 1), recipes=OURS)
    expected = {(name, (*DATA, "seed=0")) for name in ("00_overview", *NO_DATA)}
    expected |= {(name, tuple(DATA)) for name in [*NAMES[1:5], "22_inception"]}
    expected |= {(name, ("profile=small", "datasets=birds", "seeds=0,1")) for name in ("21_paper_profile", "23_cost")}
    for seed in ("seed=0", "seed=1"):
        expected |= {(name, (*DATA, seed, f"recipe={recipe}")) for name in NAMES[5:7] for recipe in OURS}
        expected |= {(name, (*DATA, seed, "recipes=paper,recommended")) for name in NAMES[7:9]}
    assert len(planned) == len(expected) and set(planned) == expected


def test_all_methods_and_both_data_sets_run_the_baselines_and_one_table():
    planned = executions(datasets=("birds", "flowers"))
    both = {name: 2 for name in NAMES if name[:2] in ("01", "02", "03", "04", "07", "08", "10", "12", "17")}
    expected = {
        **{
            name: 1
            for name in NAMES
            if name[:2]
            in ("00", "09", "13", "15", "16", "18", "20", "21", "22", "23", "24", "27", "28", "29", "30", "31", "32", "33")
        },
        "19_table_3": 0,
        "05_speech_encoder": 4,
        "25_many_voices": 2,
        "26_hearing": 4 + 1,  # of flowers, what is released only
        "11_text_to_image": 4 + 1,
        "06_gan": 12,
        "14_ablation": 2 * len(recipes_of("ablation")) + 4 + 2,  # crossed: of flowers without the frozen encoder
        **both,
    }
    assert count(planned) == expected
    assert ("13_table_2", ("profile=small", "datasets=birds,flowers", "seeds=0")) in planned
    assert ("09_flowers", ("profile=small", "dataset=flowers")) in planned
    order = [(name, parameters[-1]) for name, parameters in planned if "dataset=birds" in parameters]
    for encoder, recipe in [("10_classifier", "classifier"), ("11_text_to_image", "text")]:
        assert order.index((encoder, f"recipe={recipe}")) < order.index(("06_gan", f"recipe={recipe}"))
    assert order.index(("11_text_to_image", "recipe=text")) < order.index(("06_gan", "recipe=text_v1"))
    assert order.index(("05_speech_encoder", "recipe=paper")) < order.index(("14_ablation", "recipe=one_scale"))


def test_rooms_run_table_3_and_what_is_released():
    planned = executions(datasets=("rooms",))
    once = ["01", "02", "03", "04", "07", "08", "10", "12", "19", "21", "25", "26"]
    assert count(planned) == {
        **dict.fromkeys(NAMES, 0),
        **{name: 1 for name in NAMES if name[:2] in once},
        "05_speech_encoder": 2,
        "11_text_to_image": 2,
        "06_gan": 5,
    }
    assert ("19_table_3", ("profile=small", "datasets=rooms", "seeds=0")) in planned


def test_further_seeds_train_the_rows_of_table_4_and_walk_between_sentences():
    planned = executions(datasets=("birds", "rooms"), more_seeds=(1, 2))
    further = [(name, parameters[1], parameters[-1]) for name, parameters in planned if "seed=1" in parameters]
    assert sorted(further) == [
        ("05_speech_encoder", "dataset=birds", "recipe=paper"),
        ("06_gan", "dataset=birds", "recipe=paper"),
        ("14_ablation", "dataset=birds", "recipe=norm"),
        ("14_ablation", "dataset=birds", "recipe=norm_jel"),
        ("17_interpolation", "dataset=birds", "seed=1"),
    ]
    assert sum("seed=2" in parameters for _, parameters in planned) == 5
    seeds = {name: parameters[-1] for name, parameters in planned if parameters[-1].startswith("seeds=")}
    assert {name for name, value in seeds.items() if value == "seeds=0,1,2"} == {"15_table_4", "18_what_holds"}
    assert {name for name, value in seeds.items() if value == "seeds=0"} >= {"13_table_2", "16_table_5", "19_table_3"}
    without = executions(more_seeds=(1, 2), recipes=OURS)
    assert sorted(without) == sorted(executions(recipes=OURS))  # no Table IV, no further seeds


def test_a_table_of_some_data_sets_neither_gets_nor_waits_for_others():
    planned = executions(datasets=("birds", "rooms"))
    assert ("13_table_2", ("profile=small", "datasets=birds", "seeds=0")) in planned
    assert ("19_table_3", ("profile=small", "datasets=rooms", "seeds=0")) in planned
    assert ("20_robustness", ("profile=small", "datasets=birds", "seeds=0")) in planned
    assert not [name for name, parameters in planned if name[:2] in ("14", "17") and "dataset=rooms" in parameters]
    assert ("06_gan", ("profile=small", "dataset=rooms", "seed=0", "recipe=text_v1")) not in planned


def test_photographs_are_scored_by_the_inception_of_their_own_chapter():
    planned = executions(profile="paper", datasets=("cub", "places"))
    names = [name for name, _ in planned]
    assert not {"00_overview", "09_flowers", "20_robustness", "23_cost", *NO_DATA} & set(names)
    tables = dict.fromkeys(("13_table_2", "15_table_4", "16_table_5", "18_what_holds"), "cub")
    for name, datasets in {**tables, "19_table_3": "places"}.items():
        assert [parameters[1] for chapter, parameters in planned if chapter == name] == [f"datasets={datasets}"]
    assert names.count("22_inception") == 2 and names.count("07_scores") == 2 and names.count("21_paper_profile") == 1
    for dataset in ("dataset=cub", "dataset=places"):
        order = [name for name, parameters in planned if dataset in parameters]
        scores = min(order.index("07_scores"), order.index("12_two_stage"))
        assert order.index("04_teacher") < order.index("22_inception") < scores
    variants = {parameters[1:] for name, parameters in planned if name == "14_ablation"}
    assert ("dataset=cub", "seed=0", "recipe=two_scales") in variants
    assert not any("recipe=printed" in parameters for parameters in variants)  # the paper's recipe has them there
    assert not any("dataset=places" in parameters for parameters in variants)  # Tables IV and V are about birds and flowers


def test_a_table_waits_for_every_recipe_that_it_compares():
    names = [name for name, _ in executions(recipes=("paper", "one_scale", "two_scales"))]
    assert names.index("16_table_5") > max(place for place, name in enumerate(names) if name in ("06_gan", "14_ablation"))
    assert "15_table_4" not in names and names.count("14_ablation") == 2
    assert "16_table_5" not in [name for name, _ in executions(recipes=("paper", "one_scale"))]


def test_a_chapter_comes_after_those_that_it_needs():
    order = [name for name, _ in executions(recipes=("paper",))]
    for before, after in ["12", "23", "14", "35", "45", "56", "67", "68"]:
        assert order.index(NAMES[int(before)]) < order.index(NAMES[int(after)])


def test_the_unwritten_language_is_heard_after_the_chapters_that_train_and_transcribe_english():
    names = [name for name, _ in executions()]
    for before in ("05_speech_encoder", "06_gan", "11_text_to_image", "12_two_stage"):
        assert max(place for place, name in enumerate(names) if name == before) < names.index("24_unwritten_language")
    both = executions(datasets=("birds", "flowers"))
    planned = [parameters for name, parameters in both if name == "24_unwritten_language"]
    assert planned == [("profile=small", "dataset=birds", "seed=0")]


def test_chapters_are_about_what_the_table_of_recipes_says():
    hearing = ("many_voices", "whisper", "whisper_all_layers", "whisper_many_voices")
    assert CHAPTERS["07_scores"].recipes == OURS and CHAPTERS["05_speech_encoder"].recipes == OURS
    assert CHAPTERS["25_many_voices"].recipes == CHAPTERS["26_hearing"].recipes == hearing
    assert CHAPTERS["06_gan"].recipes == (*recipes_of("method"), *recipes_of("release"))
    assert CHAPTERS["14_ablation"].recipes == (*recipes_of("ablation"), *recipes_of("crossed"))
    assert CHAPTERS["10_classifier"].recipes == ("classifier",)
    assert CHAPTERS["11_text_to_image"].recipes == ("text", "text_transcripts", "recommended_text")
    assert CHAPTERS["12_two_stage"].recipes == (*OURS, "text", "text_transcripts")
    assert CHAPTERS["17_interpolation"].recipes == (*OURS, "text")
    variants = {"norm", "norm_jel", "printed", "released", "contrastive", "all_steps", "last_state"}
    assert (
        {*OURS, *variants}
        <= set(CHAPTERS["15_table_4"].recipes)
        == {*OURS, *(name for name in recipes_of("ablation") if name == RECIPES[name].encoder)}
    )
    assert set(CHAPTERS["16_table_5"].recipes) == {"paper", "one_scale", "two_scales"}
    assert set(CHAPTERS["19_table_3"].recipes) == {"text", "text_transcripts", "classifier", *OURS}
    assert CHAPTERS["20_robustness"].recipes == ("recommended", *hearing, "recommended_text")
    languages = {name for name in recipes_of("extension") if "invented" in name or "several" in name}
    assert set(CHAPTERS["24_unwritten_language"].recipes) == {*OURS, "text", "text_transcripts", "whisper", *languages}


def test_an_encoder_is_that_of_the_chapter_which_trains_it_and_not_of_one_that_reads_it():
    assert plan.encoder_chapter("whisper_modulated") == plan.encoder_chapter("whisper") == "26_hearing"
    assert plan.encoder_chapter("invented") == "24_unwritten_language" and plan.encoder_chapter("text_v1") == "11_text_to_image"


def test_every_encoder_that_a_chapter_reads_is_trained_in_a_chapter():
    for name in CHAPTERS["06_gan"].recipes + CHAPTERS["14_ablation"].recipes:
        trainer = CHAPTERS[plan.encoder_chapter(name)]
        assert trainer.trains == "encoder" and RECIPES[name].encoder in trainer.recipes
    for name in recipes_of("extension"):
        assert name in CHAPTERS[plan.encoder_chapter(name)].recipes
    with pytest.raises(KeyError):
        plan.encoder_chapter("no recipe")


def test_a_selection_comes_from_the_words_of_snakemake():
    asked = {"profile": "large", "datasets": "birds,rooms", "seeds": 3, "more_seeds": "1,2", "recipes": "paper"}
    assert Selection.from_config(asked) == Selection("large", ("birds", "rooms"), (3,), (1, 2), ("paper",))
    assert Selection.from_config({}) == Selection() and Selection.from_config({"more_seeds": None}).more_seeds == ()
    assert Selection(more_seeds=(1, 2)).all_seeds == (0, 1, 2) and Selection(more_seeds=(1,), recipes=OURS).all_seeds == (0,)


def test_executed_notebooks_have_one_place_each():
    places = {
        Job("00_overview", "birds"): "data/birds-small/chapters/00_overview.ipynb",
        Job("04_teacher", "rooms"): "data/rooms-small/chapters/04_teacher.ipynb",
        Job("06_gan", "birds", 1, "paper"): "runs/birds-small-s1/paper/chapters/06_gan.ipynb",
        Job("07_scores", "birds", 0): "runs/birds-small-s0/chapters/07_scores.ipynb",
        Job("12_two_stage", "birds", 0): "runs/birds-small-s0/chapters/12_two_stage.ipynb",
        Job("13_table_2"): "runs/tables-small/chapters/13_table_2.ipynb",
    }
    assert {job: job.output("small") for job in places} == places
    every = plan.all_jobs(Selection(datasets=("birds", "flowers", "rooms"), more_seeds=(1, 2)))
    assert len({job.output("small") for job in every}) == len(every)


def test_code_digest_follows_code_only(tmp_path):
    path = write_notebook(tmp_path / "chapter.ipynb", "1 + 1")
    before = plan.code_digest(path)

    def show(notebook):
        notebook.cells[0].source = "# Another title"
        notebook.cells[2].outputs = [new_output("stream", text="2")]

    edit(path, show)
    assert plan.code_digest(path) == before
    exercise = new_code_cell("answer = None", metadata={"tags": ["exercise"]})
    edit(path, lambda notebook: notebook.cells.append(exercise))
    assert plan.code_digest(path) == before  # nothing that was trained depends on it
    edit(path, lambda notebook: notebook.cells[2].update(source="1 + 2"))
    assert plan.code_digest(path) != before


def test_a_digest_follows_the_sections_that_a_chapter_depends_on(tmp_path, monkeypatch):
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    for name in NAMES:
        write_notebook(tmp_path / f"{name}.ipynb", "1 + 1")

    def digests():
        every = plan.all_jobs(Selection())
        return {job: plan.digest(job, Selection(), tmp_path) for job in every}

    before = digests()
    for section, key, value, same, other in (
        (
            "gan",
            "steps",
            7,
            {"03_log_mel", "04_teacher", "05_speech_encoder", "22_inception"},
            {"06_gan", "14_ablation", "18_what_holds"},
        ),
        ("classifier", "epochs", 7, {"03_log_mel", "05_speech_encoder"}, {"04_teacher", "06_gan", "07_scores"}),
        ("data", "seed", 7, {*NO_DATA}, set(NAMES) - {"09_flowers", "19_table_3", *NO_DATA}),
        ("precision", "", "bfloat16", {"03_log_mel"}, {"04_teacher", "05_speech_encoder", "18_what_holds"}),
    ):
        (tmp_path / "overrides.json").write_text(json.dumps({section: {key: value} if key else value}))
        after = digests()
        for job in before:
            assert job.chapter not in same or after[job] == before[job], (section, job)
            assert job.chapter not in other or after[job] != before[job], (section, job)


def test_it_says_where_to_look(tmp_path, monkeypatch):
    text = plan.where_to_look(Selection(seeds=(0, 1), recipes=OURS)).splitlines()
    assert text[0] == "Every chapter of profile small is done. Look at:"
    assert {"  runs/results/", "  runs/figures/birds/", "  runs/birds-small-s1/figures/"} <= set(text)
    assert {"  data/birds-small/chapters/", "  runs/birds-small-s0/paper/chapters/", "  runs/tables-small/chapters/"} <= set(
        text
    )
    assert not {"  results/", "  figures/", "  runs/birds-small-s0/figures/"} & set(text)
    smoke = plan.where_to_look(Selection("smoke", recipes=OURS)).splitlines()
    assert smoke[1] == "  runs/birds-smoke-s0/results/" and "  runs/results/" not in smoke


def test_rules_share_no_chapter():
    patterns = [plan.pattern("overview", "data"), plan.pattern("recipe"), plan.pattern("seed", "comparison")]
    names = [name for pattern in [*patterns, plan.pattern("tables")] for name in pattern.split("|")]
    assert sorted(names) == NAMES


# --- how long it takes ---


def record(folder, run, seconds):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run}.json").write_text(json.dumps({"seconds": 1.0, "longest_seconds": seconds}))


def test_the_time_of_a_chapter_is_that_of_any_seed_and_data_set(tmp_path):
    for run, seconds in {
        "birds-small-s0-04_teacher": 10,
        "birds-small-s1-paper-06_gan": 20,
        "birds-small-s0-recommended-06_gan": 30,
        "flowers-small-s2-07_scores": 40,
        "birds-large-s0-07_scores": 50,
        "flowers-small-s0-13_table_2": 60,
        "birds-small-s0-13_table_2": 65,
    }.items():
        record(tmp_path, run, seconds)
    for job, seconds in {
        Job("04_teacher", "birds"): 10,
        Job("04_teacher", "flowers"): None,
        Job("06_gan", "birds", 0, "paper"): 20,
        Job("06_gan", "birds", 2, "recommended"): 30,
        Job("07_scores", "flowers", 0): 40,
        Job("07_scores", "birds", 0): None,
        Job("13_table_2"): 65,
    }.items():
        assert timing.recorded_seconds(job, "small", [tmp_path]) == seconds


def test_what_was_timed_here_counts_more(tmp_path, monkeypatch):
    monkeypatch.setenv("S2I_ROOT", str(tmp_path / "project"))
    selection, committed = Selection(), tmp_path / "checkout" / "results" / "manifests"
    record(committed, "birds-small-s0-01_data", 60)
    record(committed, "birds-small-s0-02_speech", 240)
    jobs = [Job("01_data", "birds"), Job("02_speech", "birds")]
    line = "Chapters to run: 2, about 5 minutes on the machine that made results/"
    assert timing.announce(jobs, selection, tmp_path / "checkout") == line
    record(config.load_config(seed=0).results_dir / "manifests", "birds-small-s0-02_speech", 30)
    planned = timing.plan_of([*jobs, Job("03_log_mel", "birds")], selection, tmp_path / "checkout")
    assert [(one.seconds, one.here) for one in planned] == [(60, False), (30, True), (None, False)]
    assert timing.estimate(planned[1:]) == "Chapters to run: 2, about 0 minutes here, and 1 of them were never timed"
    assert timing.estimate(planned[2:]) == "Chapters to run: 1, never timed"


def test_the_plan_is_left_for_whoever_watches(tmp_path, monkeypatch):
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    monkeypatch.setenv("S2I_PROGRESS_FOLDER", str(tmp_path))
    timing.announce([Job("01_data", "birds")], Selection(), tmp_path)
    assert json.loads((tmp_path / timing.PLAN_FILE).read_text()) == [
        {"output": "data/birds-small/chapters/01_data.ipynb", "seconds": None, "here": False}
    ]


def test_most_committed_chapters_were_timed(tmp_path, monkeypatch):
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    planned = timing.plan_of(plan.all_jobs(Selection(recipes=OURS)), Selection(), ROOT)
    assert all(one.seconds for one in planned), [one.output for one in planned if not one.seconds]


def test_every_data_set_has_a_plan():
    for name, spec in DATASETS.items():
        assert "07_scores" in count(executions(profile="small" if spec.rendered else "paper", datasets=(name,)))
