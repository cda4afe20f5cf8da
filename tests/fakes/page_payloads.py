"""Texts that would run, load, hide or break something on a page that does not escape them.

Each one that runs says so by ``alert`` and in ``window.pwned``; each one that loads asks
``trap.test``; each element that it would make bears the class ``pwned``.
"""

import msgspec
from validity_runs import Drawn, make_run, result_of

from reasonbench.audit import assemble, write_audit
from reasonbench.records import FinishReason, Problem, Verdict
from reasonbench.results import Finding, FindingStatus, Match, Role, ScanSummary
from reasonbench.specs import AuditSpec, ModelSpec
from reasonbench.summary import default_ks

RUN = "(window.pwned=window.pwned||[]).push(1),alert(1)"
URL = "http://trap.test/x"
M = 'class="pwned"'

MARKUP = [
    f"<script {M}>{RUN}</script>",
    f"</script><script {M}>{RUN}</script>",
    f"<!--<script>--></script><script {M}>{RUN}</script>",
    f"--><script {M}>{RUN}</script><!--",
    f"]]><script {M}>{RUN}</script><![CDATA[",
    f"</title></textarea></style></template></noscript></pre></svg><img {M} src=x onerror={RUN}>",
    f"<img {M} src={URL} onerror='{RUN}'><audio src={URL} onerror={RUN}><video poster={URL}>",
    f"<svg {M} onload={RUN}><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    f"<svg><a xlink:href='javascript:{RUN}'><text {M} y=20>x</text></a></svg>",
    f"<svg><style><img {M} src=x onerror={RUN}></style><foreignObject><body onload={RUN}>",
    f"<svg><use {M} href='data:image/svg+xml,<svg id=x onload={RUN}>#x'/></svg>",
    f"<math {M} href='javascript:{RUN}'><mtext><table><mglyph><style><!--</style>"
    f"<img title='--&gt;&lt;img src=1 onerror={RUN}&gt;'>",
    f"<iframe {M} srcdoc='<script>parent.{RUN}</script>'></iframe><iframe src='javascript:{RUN}'>",
    f"<object {M} data='data:text/html,<script>{RUN}</script>'></object><embed src={URL}>",
    f"<form {M} id=data action={URL}><input autofocus onfocus={RUN} name=querySelector>",
    f"<details {M} open ontoggle={RUN}><summary>x</summary></details><marquee onstart={RUN}>",
    f"<meta {M} http-equiv=refresh content='0;url={URL}'><base href={URL}>",
    f"<link {M} rel=stylesheet href={URL}><link rel=prefetch href={URL}><link rel=preconnect "
    f"href={URL}><link rel=dns-prefetch href=//trap.test>",
    f'<script type=speculationrules {M}>{{"prefetch":[{{"urls":["{URL}"]}}]}}</script>',
    f"<style {M}>@import '{URL}';*{{background:url({URL});display:none}}</style>",
    f"<p {M} style='position:fixed;inset:0;background:url({URL})'>over all</p>",
    f"<a {M} id=ev-1 name=body href='javascript:{RUN}' ping={URL}>press me</a>",
    f"<noscript><p title='</noscript><img {M} src=x onerror={RUN}>'></noscript>",
    f"<template><script {M}>{RUN}</script></template><plaintext {M}><xmp {M}>",
    f"<scr\0ipt {M}>{RUN}</scr\0ipt><img/{M}/src/onerror={RUN}>",
    f'" autofocus onfocus={RUN} onmouseover={RUN} {M} x="',
    f"' autofocus onfocus={RUN} {M} x='><i {M}>",
    f"` onerror={RUN} {M} ` = ><b {M}>",
    f"&lt;script {M}&gt;{RUN}&lt;/script&gt; &#60;img {M}&#62;",
    f"\\u003cscript {M}\\u003e{RUN}\\u003c/script\\u003e +ADw-script+AD4-{RUN}+ADw-/script+AD4-",
]
"""Texts that would become markup, or leave the place where they stand."""

TEXTS = [
    "{{ 7*7 }} {% raise %} {{ ''.__class__.__mro__ }} {# gone #} ${7*7} <%= 7*7 %> #{7*7}",
    f"[a link](javascript:{RUN}) ![an image]({URL}) <{URL}> {URL}",
    f"javascript:{RUN}//",
    "*/ } body { display: none } /* '; throw 1; //",
    "\u2028 line \u2029 paragraph \x85 next \x0b \x0c \x00 nul \x1b[31m red",
    "\u202eright to left\u2066 \u200bzero\ufeff \u2069\u2800 \u3164 tags: \U000e0041\U000e0042",
    "__proto__",
    "constructor",
    "toString",
    "a" * 20_000,
    "\n" * 500 + "far below",
    "Z\u0351\u036b\u0343" * 300,
    '","id":"forged"}</script>',
]
"""Texts that would mislead a template, a script, a style or the eye."""

PAYLOADS = [*MARKUP, *TEXTS]

LONE = "a lone surrogate \ud800 and \udfff"
"""What only a completion can hold: files of JSON cannot."""


def hostile_audit(directory, *, n=4):
    """Write a run and its audit in which every text is a payload; return the directory."""
    name = f"t{MARKUP[0]}"
    problems = [
        Problem(task=name, id=f"{text[:60]}#{i}", statement=text, target="7")
        for i, text in enumerate(PAYLOADS)
    ]
    make_run(directory, _draw, n=n, problems=problems, model=MARKUP[5])
    result = result_of(directory)
    tasks = tuple(msgspec.structs.replace(t, role=Role.PUBLIC) for t in result.tasks)
    result = msgspec.structs.replace(result, tasks=tasks)
    spec = AuditSpec(
        model=ModelSpec(id=MARKUP[5]), public=(name,), n=n, ks=default_ks(n), traces=(MARKUP[3],)
    )
    scan = ScanSummary(
        documents=tuple(MARKUP[:3]),
        rows_read=len(problems),
        rows_skipped={MARKUP[1]: 3},
        examples=tuple(PAYLOADS),
    )
    audit = assemble(
        spec,
        result,
        problems,
        findings=[_finding(p, i) for i, p in enumerate(problems)],
        scan=scan,
        command=("reasonbench", "audit", *MARKUP[:3]),
    )
    write_audit(audit, directory)
    return directory


def _draw(problem, index):
    text = LONE if index == 1 else problem.statement
    right = index == 0
    return Drawn(
        text=f"<think>\n{index}: {text}\n</think>\n{text}\n\\boxed{{{7 if right else text}}}",
        finish=FinishReason.LENGTH if index == 2 else FinishReason.STOP,
        n_tokens=20 + 7 * index + len(problem.id),
        verdict=Verdict.CORRECT if right else Verdict.INCORRECT,
        reason="ok" if right else text[:200].replace("\ud800", "").replace("\udfff", ""),
        answer="7" if right else problem.statement,
    )


def _finding(problem, i):
    text = problem.statement
    if i % 3 == 2:
        return Finding(
            task=problem.task, problem_id=problem.id, detector=text, status=FindingStatus.CLEAN
        )
    match = Match(
        document=f"dir/{text[:80]}",
        row=i,
        field=text[:80],
        document_span=(0, len(text)),
        problem_span=(0, len(text)),
        text=text,
        kind=text[:40],
        channel=text[:40],
    )
    return Finding(
        task=problem.task,
        problem_id=problem.id,
        detector=text[:80],
        status=FindingStatus.CONTAMINATED if i % 3 else FindingStatus.SUSPECT,
        score=9.0,
        p_value=0.001,
        q_value=0.01,
        kind=text[:40],
        channel=text[:40],
        n_matches=1,
        matches=(match,),
    )
