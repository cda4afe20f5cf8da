"""The configurations of ``accelerate launch`` are what accelerate reads and TRL ships."""

import shlex
from importlib.resources import files

import msgspec
import pytest
import train_specs
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from reasonbench.errors import EngineError, MissingDependencyError, SpecError, StoreLockedError
from reasonbench.specfile import convert
from reasonbench.specs import TrainSpec
from reasonbench.training import folder, launch, worker

STRATEGIES = ("ddp", "fsdp1", "fsdp2", "zero1", "zero2", "zero3")
OURS = {"gradient_accumulation_steps", "gradient_clipping", "main_process_port"}


def spec_of(folder, strategy="ddp", processes=2, machines=1, **options):
    data = train_specs.document(folder, **options)
    data["launch"] = {"processes": processes, "strategy": strategy, "machines": machines}
    return convert(data, TrainSpec, source="test")


def written(folder, strategy, **options):
    path = folder / "accelerate.yaml"
    config = launch.configuration(spec_of(folder, strategy, **options), cpu=False)
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_accelerate_reads_the_configuration_as_it_was_meant(tmp_path, strategy):
    path = written(tmp_path, strategy, processes=4, batch_size=16)
    config = load_config_from_file(str(path))
    assert (config.num_processes, config.num_machines) == (4, 1)
    arguments = ["--config_file", str(path), "--module", launch.WORKER, "DIR"]
    args, _, _ = _validate_launch_command(launch_command_parser().parse_args(arguments))
    assert args.module
    assert args.training_script == launch.WORKER
    assert args.training_script_args == ["DIR"]
    assert args.use_fsdp is strategy.startswith("fsdp")
    assert args.use_deepspeed is strategy.startswith("zero")
    assert args.multi_gpu is (strategy == "ddp")
    if args.use_fsdp:
        assert args.fsdp_version == int(strategy[-1])
    if args.use_deepspeed:
        assert args.zero_stage == int(strategy[-1])
        assert args.gradient_accumulation_steps == 1
        assert args.gradient_clipping == 1.0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_keys_are_those_that_trl_ships(tmp_path, strategy):
    name = "multi_gpu" if strategy == "ddp" else strategy
    theirs = yaml.safe_load(files("trl").joinpath(f"accelerate_configs/{name}.yaml").read_text())
    ours = yaml.safe_load(written(tmp_path, strategy).read_text())
    assert ours["distributed_type"] == theirs["distributed_type"]
    assert ours.keys() - theirs.keys() <= OURS
    for table in ("fsdp_config", "deepspeed_config"):
        mine, shipped = ours.get(table, {}), theirs.get(table, {})
        assert mine.keys() - shipped.keys() <= OURS
        different = {key for key in shipped if mine[key] != shipped[key]}
        assert different <= {"fsdp_cpu_ram_efficient_loading", "zero3_init_flag"}


def test_deepspeeds_numbers_are_the_trainers(tmp_path):
    hyper = {"device_batch_size": 2, "max_grad_norm": 0.5}
    path = written(tmp_path, "zero2", processes=4, batch_size=64, hyper=hyper)
    config = load_config_from_file(str(path)).deepspeed_config
    assert config["gradient_accumulation_steps"] == 8
    assert config["gradient_clipping"] == 0.5


@pytest.mark.parametrize(
    ("dtype", "cpu", "precision"),
    [("bfloat16", False, "bf16"), ("bfloat16", True, "no"), ("float32", False, "no")],
)
def test_half_precision_is_for_devices_that_have_it(tmp_path, dtype, cpu, precision):
    config = launch.configuration(spec_of(tmp_path, hyper={"dtype": dtype}), cpu=cpu)
    assert config["mixed_precision"] == precision
    assert config["use_cpu"] is cpu


def test_one_process_is_no_distributed_training(tmp_path):
    assert (
        launch.configuration(spec_of(tmp_path, processes=1), cpu=True)["distributed_type"] == "NO"
    )


def test_the_command_for_several_machines_leaves_their_addresses_to_each(tmp_path):
    spec = spec_of(tmp_path, "fsdp2", processes=16, machines=2, batch_size=16)
    printed = launch.printed(spec, tmp_path / "a b")
    words = shlex.split(printed)
    assert words[:2] == ["accelerate", "launch"]
    assert words[-1] == str(tmp_path / "a b")
    assert '--machine_rank "$RANK" --main_process_ip "$MASTER_ADDR"' in printed
    with pytest.raises(SpecError, match="its own machine") as raised:
        launch.refuse_machine(spec.launch)
    assert "--print-launch" in raised.value.hint


def test_processes_that_the_machines_cannot_share_are_refused(tmp_path):
    with pytest.raises(SpecError, match=r"launch\.processes = 3 is no multiple"):
        launch.configuration(spec_of(tmp_path, processes=3, machines=2), cpu=False)


def test_sharding_without_devices_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "accelerated", lambda: False)
    with pytest.raises(SpecError, match="needs devices other than the CPU"):
        launch.refuse_machine(spec_of(tmp_path, "fsdp2").launch)


def test_a_process_that_was_started_by_hand_refuses_to_train_unsharded(tmp_path, monkeypatch):
    spec = spec_of(tmp_path, "fsdp2")
    folder.claim(tmp_path, folder.Job(spec=spec, rows="r", versions={}))
    monkeypatch.setattr(launch, "accelerated", lambda: False)
    with pytest.raises(SpecError, match="needs devices other than the CPU"):
        worker.work(tmp_path)


def test_too_few_devices_are_refused(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(launch, "accelerated", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    with pytest.raises(SpecError, match=r"launch\.processes = 2, and this machine has 1 devices"):
        launch.refuse_machine(spec_of(tmp_path).launch)


def test_deepspeed_that_is_not_installed_is_told(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(launch, "accelerated", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 8)
    monkeypatch.setattr(launch, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="needs deepspeed"):
        launch.refuse_machine(spec_of(tmp_path, "zero3").launch)


def test_an_error_of_a_process_keeps_its_class_and_its_words(tmp_path):
    (tmp_path / launch.FOLDER).mkdir()
    error = StoreLockedError("it is locked", hint="wait")
    launch.write_error(tmp_path, error)
    launch.write_error(tmp_path, EngineError("a later one"))
    found = launch.ended(tmp_path, 5)
    assert (type(found), found.message, found.hint) == (StoreLockedError, "it is locked", "wait")


@pytest.mark.parametrize("name", ["Exception", "os", "nothing"])
def test_an_error_of_no_class_of_ours_is_told_by_what_was_said(tmp_path, name):
    there = tmp_path / launch.FOLDER
    there.mkdir()
    said = launch.WorkerError(kind=name, message="m", hint=None)
    (there / launch.ERROR_FILE).write_bytes(msgspec.json.encode(said))
    (there / launch.OUTPUT_FILE).write_text("first\nValueError: shapes differ\nlast\n")
    found = launch.ended(tmp_path, 1)
    assert type(found) is EngineError
    assert "exit code 1: ValueError: shapes differ" in found.message
