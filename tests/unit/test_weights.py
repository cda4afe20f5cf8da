"""Where a model is found, and what its digest depends on."""

import hashlib
import json

import pytest

from reasonbench.engines import weights
from reasonbench.errors import EngineError
from reasonbench.specs import ModelSpec


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def digest_of(folder, **fields):
    return weights.resolve(ModelSpec(id=str(folder), **fields)).weights_digest


def test_the_digest_is_stable_and_ignores_what_does_not_matter(folder):
    before = digest_of(folder)
    for name in ("README.md", "optimizer.pt", "pytorch_model.bin", "consolidated.safetensors"):
        (folder / name).write_text("x")
    assert digest_of(folder) == before


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "model.safetensors", "chat_template.jinja"]
)
def test_the_digest_changes_with_every_file_that_matters(folder, name):
    before = digest_of(folder)
    (folder / name).write_text("changed")
    assert digest_of(folder) != before


def test_another_digest_than_expected_is_refused_naming_both(folder):
    found = digest_of(folder)
    assert digest_of(folder, weights_digest=found) == found
    with pytest.raises(EngineError) as caught:
        digest_of(folder, weights_digest="0" * 32)
    assert found in caught.value.message
    assert "0" * 32 in caught.value.message


def test_a_hub_cache_has_the_digest_of_a_local_copy_and_large_files_are_not_read(folder, tmp_path):
    before = digest_of(folder)
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    for file in list(folder.iterdir()):
        content = file.read_bytes()
        large = file.suffix == ".safetensors"
        name = hashlib.sha256(content).hexdigest() if large else hashlib.sha1(content).hexdigest()
        (blobs / name).write_bytes(b"never read" if large else content)
        file.unlink()
        file.symlink_to(blobs / name)
    assert digest_of(folder) == before


def test_old_weight_files_count_where_there_are_no_safetensors(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"one")
    before = digest_of(folder)
    (folder / "pytorch_model.bin").write_bytes(b"two")
    assert digest_of(folder) != before


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(EngineError, match="holds no weights"):
        digest_of(folder)


def test_a_path_that_is_not_there_is_not_looked_up_on_the_hub(tmp_path):
    with pytest.raises(EngineError, match="there is no model folder"):
        digest_of(tmp_path / "absent")


def test_a_revision_of_a_folder_is_refused(folder):
    with pytest.raises(EngineError, match="is a folder"):
        digest_of(folder, revision="main")


def test_an_id_that_is_none_is_refused():
    with pytest.raises(EngineError, match="neither a folder nor a valid Hub id"):
        weights.resolve(ModelSpec(id="a/b/c"))


def test_a_hub_model_that_cannot_be_had_offline_is_one_sentence(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match="not in the local Hub cache") as caught:
        weights.resolve(ModelSpec(id="nobody/nothing"))
    assert "\n" not in caught.value.message
    assert "network" in caught.value.hint


def test_a_hub_model_comes_with_its_commit(monkeypatch, tmp_path, folder):
    snapshot = tmp_path / "snapshots" / "abc123"
    snapshot.parent.mkdir()
    folder.rename(snapshot)
    asked = {}

    def download(repo, **options):
        asked.update(options, repo=repo)
        return str(snapshot)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    files = weights.resolve(ModelSpec(id="owner/name", revision="v1"))
    assert files.revision == "abc123"
    assert asked["repo"] == "owner/name"
    assert asked["revision"] == "v1"


def test_a_broken_json_file_is_an_engine_error(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"a": 1}))
    assert weights.read_json(file) == {"a": 1}
    assert weights.read_json(tmp_path / "absent.json") == {}
    file.write_text("{")
    with pytest.raises(EngineError, match="not a JSON object"):
        weights.read_json(file)
