"""What a page of ours may hold, and questions that a browser answers of it."""

import html.parser

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "script", "body", "header", "main", "footer"),
    *("section", "nav", "article", "div", "span", "p", "a", "ul", "li", "h1", "h2", "h3", "h4"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "pre", "details", "summary"),
    *("figure", "figcaption", "blockquote", "dl", "dt", "dd", "mark", "b", "i", "small", "button"),
    *("svg", "desc", "g", "path", "polyline", "polygon", "rect", "text"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "id", "class", "href", "role"),
    *("tabindex", "aria-label", "aria-labelledby", "aria-pressed", "scope", "title", "hidden"),
    *("type", "viewbox", "d", "x", "y", "width", "height", "points"),
}

LOUD = """() => [...document.querySelectorAll("*")].filter(e =>
    ["IFRAME", "FRAME", "OBJECT", "EMBED", "FORM", "BASE", "LINK", "IMG", "VIDEO", "AUDIO",
     "FOREIGNOBJECT", "ANIMATE", "SET", "MATH", "PLAINTEXT"].includes(e.tagName.toUpperCase())
    || e.classList.contains("pwned")
    || e.getAttributeNames().some(n => n.startsWith("on")
        || ["style", "srcdoc", "xlink:href", "src"].includes(n))
    || /^(?!#)/.test(e.getAttribute("href") ?? "#")).map(e => e.outerHTML.slice(0, 200))"""
OVERFLOW = """() => { const width = document.documentElement.clientWidth;
    const all = [...document.querySelectorAll("body *")];
    const scrolls = e => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
    const boxes = all.filter(e => scrolls(e) && e.scrollWidth > e.clientWidth + 1);
    const loose = all.filter(e => e.checkVisibility() && !boxes.some(b => b !== e && b.contains(e))
        && !(e.ownerSVGElement) && e.getBoundingClientRect().right > width + 1);
    const unreachable = boxes.filter(e => e.tabIndex < 0);
    return [document.documentElement.scrollWidth - width,
        ...[loose, unreachable].map(es => es.map(e => e.outerHTML.slice(0, 200)))]; }"""
HIDDEN = """() => [...document.querySelectorAll("main *")].filter(e => e.children.length === 0
    && e.textContent.trim() && !e.closest("[hidden], script, style, svg, .screen-only")
    && !e.checkVisibility({contentVisibilityAuto: true})).map(e => e.outerHTML.slice(0, 200))"""
UNSEEN = set("\u202e\u2066\u2069\u200b\ufeff\u2028\u2029\u0085\x00\x1b\x0b")
IN_VIEW = """selector => { const e = document.querySelector(selector);
    const r = e.getBoundingClientRect();
    return e.checkVisibility() && r.top >= 0 && r.left >= 0 && r.height > 0
        && r.top < innerHeight && r.right <= innerWidth + 1; }"""


class Seen(html.parser.HTMLParser):
    """What a page holds, as a parser reads it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.links, self.classes, self.metas = [], [], [], set(), []
        self.raw, self.text, self._in = {}, [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        self.classes |= set((values.get("class") or "").split())
        self.metas += [values] if tag == "meta" else []
        if tag in ("style", "script"):
            self._in = [values.get("type", tag)]

    def handle_endtag(self, tag):
        if tag in ("style", "script"):
            self._in = []

    def handle_data(self, data):
        if self._in:
            self.raw[self._in[0]] = self.raw.get(self._in[0], "") + data
        else:
            self.text.append(data)

    @property
    def shown(self):
        return "".join(self.text)
