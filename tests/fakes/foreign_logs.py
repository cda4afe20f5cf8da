"""Small logs in other harnesses' formats, written as those harnesses write them.

All say the same: three problems, four samples each, of which 3, 1 and 0 are right.
"""

import csv
import json
import struct
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

N = 4
RIGHT = {"p0": 3, "p1": 1, "p2": 0}
TARGETS = {"p0": "10", "p1": "11", "p2": "12"}
ISO = "2026-03-17T12-30-05.000001"
MODEL = "maker/model"


def question(name):
    return f"What is {TARGETS[name]} - 0, asked as problem {name}?"


def right(name, i):
    return i < RIGHT[name]


def text(name, i):
    said = TARGETS[name] if right(name, i) else str(900 + i)
    return f"<think>\ndraw {i} of {name}\n</think>\nThe answer is \\boxed{{{said}}}."


def samples():
    return [(name, i) for name in RIGHT for i in range(N)]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_table(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def lm_eval_rows(*, filters=("strict", "flexible")):
    return [
        {
            "doc_id": d,
            "doc": {"question": question(name), "answer": TARGETS[name]},
            "target": TARGETS[name],
            "arguments": {
                "gen_args_0": {
                    "arg_0": f"Q: {question(name)}\nA:",
                    "arg_1": {"until": ["</s>"], "do_sample": True, "temperature": 0.6,
                              "max_gen_toks": 512},
                }
            },
            "resps": [[text(name, i) for i in range(N)]],
            "filtered_resps": [TARGETS[name] if right(name, 0) else "900"],
            "filter": chosen,
            "metrics": ["exact_match"],
            "doc_hash": "a", "prompt_hash": "b", "target_hash": "c",
            "exact_match": float(right(name, 0)),
        }
        for chosen in filters
        for d, name in enumerate(RIGHT)
    ]  # fmt: skip


def lm_eval_results(**more):
    filters = [
        {"name": name, "filter": [{"function": "regex"}, {"function": "take_first"}]}
        for name in ("strict", "flexible")
    ]
    config = {"task": "sums", "repeats": N, "filter_list": filters}
    return {
        "results": {"sums": {"exact_match,strict": 2 / 3}},
        "configs": {"sums": config},
        "n-samples": {"sums": {"original": len(RIGHT), "effective": len(RIGHT)}},
        "config": {"model": "hf", "model_args": f"pretrained={MODEL},dtype=float32"},
        "lm_eval_version": "0.4.13",
        "model_name": MODEL,
        **more,
    }


def lm_eval(folder, rows=None, results=None):
    (folder / f"results_{ISO}.json").write_text(json.dumps(results or lm_eval_results(), indent=2))
    return write_lines(folder / f"samples_sums_{ISO}.jsonl", rows or lm_eval_rows())


def inspect_header(**more):
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "task": "sums", "task_version": 0, "model": MODEL, "dataset": {"samples": 3},
            "model_generate_config": {}, "config": {"epochs": N},
            "packages": {"inspect_ai": "0.3.285"}, "created": "2026-03-17T12:30:05+00:00",
        },
        "plan": {"name": "plan", "steps": [], "config": {"temperature": 0.6, "max_tokens": 512}},
        "results": None,
        "stats": {},
        **more,
    }  # fmt: skip


def inspect_sample(name, i, **more):
    thought, _, said = text(name, i).removeprefix("<think>\n").partition("\n</think>\n")
    message = {
        "role": "assistant",
        "content": [{"type": "reasoning", "reasoning": thought}, {"type": "text", "text": said}],
    }
    return {
        "id": name, "epoch": i + 1, "input": question(name), "target": TARGETS[name],
        "messages": [{"role": "user", "content": question(name)}, message],
        "output": {
            "model": MODEL,
            "choices": [{"message": message, "stop_reason": "stop" if i else "max_tokens"}],
            "usage": {"input_tokens": 9, "output_tokens": 512 if not i else 20,
                      "total_tokens": 521},
        },
        "scores": {"match": {"value": "C" if right(name, i) else "I", "answer": "x"}},
        "metadata": {},
        **more,
    }  # fmt: skip


def zstd_entry(name, data):
    """Return one zip entry packed by method 93, and its line of the listing without the place."""
    packed = zstandard.ZstdCompressor().compress(data)
    sizes = struct.pack("<LLL", zlib.crc32(data), len(packed), len(data))
    raw = name.encode()
    local = b"PK\x03\x04" + struct.pack("<HHHHH", 63, 0, 93, 0, 33) + sizes
    local += struct.pack("<HH", len(raw), 0) + raw + packed
    central = b"PK\x01\x02" + struct.pack("<HHHHHH", 63, 63, 0, 93, 0, 33) + sizes
    central += struct.pack("<HHHHHL", len(raw), 0, 0, 0, 0, 0)
    return local, central, raw


def write_zstd_zip(path, entries):
    """Write a zip as inspect does; Python's own zipfile of 3.11 cannot."""
    body, listing = b"", b""
    for name, data in entries:
        local, central, raw = zstd_entry(name, data)
        listing += central + struct.pack("<L", len(body)) + raw
        body += local
    end = struct.pack("<HHHHLLH", 0, 0, len(entries), len(entries), len(listing), len(body), 0)
    path.write_bytes(body + listing + b"PK\x05\x06" + end)
    return path


def inspect_entries(header=None, rows=None):
    rows = [inspect_sample(*s) for s in samples()] if rows is None else rows
    named = [(f"samples/{r.get('id')}_epoch_{r.get('epoch')}.json", r) for r in rows]
    named = [("_journal/start.json", {}), *named, ("header.json", header or inspect_header())]
    return [(name, json.dumps(value).encode()) for name, value in named]


def inspect_zstd(folder, **more):
    return write_zstd_zip(folder / "log.eval", inspect_entries(**more))


def inspect_deflated(folder, **more):
    path = folder / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as log:
        for name, data in inspect_entries(**more):
            log.writestr(name, data)
    return path


def inspect_json(folder):
    rows = [inspect_sample(*s) for s in samples()]
    path = folder / "log.json"
    path.write_text(json.dumps({**inspect_header(), "samples": rows}, indent=2))
    return path


def lighteval_rows():
    return [
        {
            "__doc__": {"query": question(name), "choices": ["no", TARGETS[name]],
                        "gold_index": [1], "id": name, "specific": None},
            "__model_response__": {
                "text": [text(name, i).partition("</think>\n")[2] for i in range(N)],
                "text_post_processed": None,
                "reasonings": [f"draw {i} of {name}" for i in range(N)],
                "output_tokens": [[1] * (5 + i) for i in range(N)],
                "truncated_tokens_count": 0,
            },
            "__metric__": {"math_pass@1:4_samples": RIGHT[name] / N},
        }
        for name in RIGHT
    ]  # fmt: skip


def lighteval(folder, *, plain=False):
    rows = [{k.strip("_") if plain else k: v for k, v in r.items()} for r in lighteval_rows()]
    place = folder / "details" / "maker" / "model" / "2026-03-17T12-30-05"
    place.mkdir(parents=True)
    return write_table(place / "details_lighteval|sums|0_2026-03-17T12-30-05.parquet", rows)


def lighteval_plain(folder):
    return lighteval(folder, plain=True)


def matharena_rows(model="model"):
    return [
        {
            "problem_idx": name, "problem": question(name), "model_name": model,
            "model_config": f"maker/{model}", "idx_answer": i, "all_messages": "[]",
            "user_message": question(name), "answer": text(name, i), "input_tokens": 9,
            "output_tokens": 20 + i, "cost": 0.1, "gold_answer": TARGETS[name],
            "parsed_answer": "1", "correct": right(name, i),
        }
        for name, i in samples()
    ]  # fmt: skip


def matharena(folder):
    return write_table(folder / "aime_outputs.parquet", matharena_rows())


def matharena_lines(folder):
    return write_lines(folder / "aime_outputs.jsonl", matharena_rows())


def evalchemy(folder):
    rows = [
        {
            "context": [{"role": "user", "content": question(name)}],
            "gen_kwargs": {"temperature": 0.6, "max_new_tokens": 512, "do_sample": True},
            "repeat_idx": i, "request_idx": d * N + i, "task_name": "AIME24",
            "metadata": {"problem_id": name, "expected_answer": TARGETS[name],
                         "reference_solution": "so"},
            "model_outputs": text(name, i),
        }
        for d, (name, i) in enumerate(samples())
    ]  # fmt: skip
    return write_lines(folder / "evalchemy.jsonl", rows)


def nemo_rows():
    return [
        {
            "problem_idx": int(name[1:]), "repeat": i, "reward": float(right(name, i)),
            "scoring_details": {"method": "x"}, "metadata": {},
        }
        for name, i in samples()
    ]  # fmt: skip


def nemo(folder):
    return write_lines(folder / "results.jsonl", nemo_rows())


def humaneval(folder):
    rows = [
        {"task_id": f"HumanEval/{name}", "completion": f"    return {i}\n", "result": "passed",
         "passed": right(name, i)}
        for name, i in samples()
    ]  # fmt: skip
    return write_lines(folder / "samples.jsonl_results.jsonl", rows)


def evalplus_samples(folder):
    rows = [{"task_id": name, "solution": f"# {name}\nx = {i}\n"} for name, i in samples()]
    return write_lines(folder / "samples.jsonl", rows)


def evalplus_results():
    passed = {
        name: [
            {"task_id": name, "solution": f"# {name}\nx = {i}\n", "base_status": "pass",
             "plus_status": "pass" if right(name, i) else "fail"}
            for i in range(N)
        ]
        for name in RIGHT
    }  # fmt: skip
    return {"date": "2026-03-17", "hash": "x", "eval": passed}


def evalplus(folder):
    (folder / "samples_eval_results.json").write_text(json.dumps(evalplus_results()))
    return evalplus_samples(folder)


def evalplus_document(folder):
    path = folder / "samples_eval_results.json"
    path.write_text(json.dumps(evalplus_results()))
    return path


def eee_rows(*, raw=True):
    return [
        {
            "schema_version": "0.3.0", "evaluation_id": "sums/maker_model/1",
            "model_id": MODEL, "evaluation_name": "sums", "sample_id": name,
            "interaction_type": "single_turn",
            "input": {"raw": question(name), "reference": [TARGETS[name]]},
            "output": {"raw": [text(name, i)], "reasoning_trace": None} if raw else None,
            "messages": None, "answer_attribution": [],
            "evaluation": {"score": float(right(name, i)), "is_correct": right(name, i)},
            "token_usage": {"input_tokens": 9, "output_tokens": 20, "total_tokens": 29},
            "metadata": {"rep": str(i)},
        }
        for name, i in samples()
    ]  # fmt: skip


def eee(folder):
    return write_lines(folder / "x_samples.jsonl", eee_rows())


def eee_textless(folder):
    return write_lines(folder / "x_samples.jsonl", eee_rows(raw=False))


def counts(folder):
    path = folder / "sums.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["problem_id", "n", "c"])
        rows.writerows([name, N, c] for name, c in RIGHT.items())
    return path


WITH_TARGETS = {
    "lm-eval": lm_eval, "inspect": inspect_zstd, "inspect deflated": inspect_deflated,
    "inspect json": inspect_json, "lighteval": lighteval, "lighteval 0.13": lighteval_plain,
    "matharena": matharena,
    "matharena lines": matharena_lines, "evalchemy": evalchemy, "eee": eee,
}  # fmt: skip
"""Logs with text and gold answers: our grader judges."""
WITH_SCORES = {
    "nemo": nemo, "evalplus": evalplus, "evalplus document": evalplus_document,
    "evalplus humaneval": humaneval, "eee textless": eee_textless, "counts": counts,
}  # fmt: skip
"""Logs whose own score is all that there is."""
ALL = WITH_TARGETS | WITH_SCORES
