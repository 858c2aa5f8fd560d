// Texts that attack a page which shows them. Each element of markup has the attribute `data-injected`, and
// each script sets `window.executed`, so that a test finds both.

const RUN = "window.executed=1";
const MARK = "data-injected";

/** Markup that runs code if a page inserts it as HTML. */
const MARKUP = [
  `<script ${MARK}>${RUN}</script>`,
  `"><script ${MARK}>${RUN}</script>`,
  `</title><script ${MARK}>${RUN}</script>`,
  `</textarea><script ${MARK}>${RUN}</script>`,
  `</td></tr></table><script ${MARK}>${RUN}</script>`,
  `<ScRiPt ${MARK}>${RUN}</sCrIpT>`,
  `<scr<script>ipt ${MARK}>${RUN}</script>`,
  `<img ${MARK} src=x onerror=${RUN}>`,
  `<img ${MARK} src="x" onerror="${RUN}" /`,
  `<svg ${MARK} onload=${RUN}>`,
  `<svg ${MARK}><script>${RUN}</script></svg>`,
  `<svg ${MARK}><animate onbegin=${RUN} attributeName=x dur=1s>`,
  `<svg ${MARK}><use href="data:image/svg+xml,<svg id=x><script>${RUN}</script></svg>#x">`,
  `<svg ${MARK}><foreignObject><iframe srcdoc="<script>parent.executed=1</script>"></foreignObject></svg>`,
  `<math ${MARK}><mtext><table><mglyph><style><img src=x onerror=${RUN}></style></mglyph></table></mtext></math>`,
  `<noscript ${MARK}><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<form ${MARK}><math><mtext></form><form><mglyph><style></math><img src onerror=${RUN}>`,
  `<template ${MARK}><script>${RUN}</script></template>`,
  `<iframe ${MARK} src="javascript:parent.executed=1"></iframe>`,
  `<iframe ${MARK} srcdoc="<script>parent.executed=1</script>"></iframe>`,
  `<object ${MARK} data="javascript:${RUN}"></object>`,
  `<embed ${MARK} src="javascript:${RUN}">`,
  `<a ${MARK} href="javascript:${RUN}">open</a>`,
  `<a ${MARK} href="java\tscript:${RUN}">open</a>`,
  `<details ${MARK} open ontoggle=${RUN}>`,
  `<input ${MARK} autofocus onfocus=${RUN}>`,
  `<body ${MARK} onload=${RUN}>`,
  `<base ${MARK} href="https://example.com/">`,
  `<meta ${MARK} http-equiv="refresh" content="0;url=https://example.com/">`,
  `<link ${MARK} rel="stylesheet" href="https://example.com/x.css">`,
  `<style ${MARK}>*{display:none!important}</style>`,
  `<form ${MARK} action="https://example.com/"><button>Continue</button></form>`,
  `<dialog ${MARK} open>Enter your secret</dialog>`,
  `<marquee ${MARK} onstart=${RUN}>text</marquee>`,
  `<!--><img ${MARK} src=x onerror=${RUN}>-->`,
  `<![CDATA[<img ${MARK} src=x onerror=${RUN}>]]>`,
  `<?xml version="1.0"?><x ${MARK}/>`,
  `+ADw-script ${MARK}+AD4-${RUN}+ADw-/script+AD4-`,
];

/** Texts that leave an attribute, a script or a template. */
const CONTEXTS = [
  `" onmouseover="${RUN}" ${MARK}="`,
  `' onfocus='${RUN}' autofocus ${MARK}='`,
  "` onclick=`window.executed=1` data-injected=`",
  `javascript:${RUN}`,
  `JaVaScRiPt:${RUN}//https://example.com`,
  `data:text/html,<script>${RUN}</script>`,
  "vbscript:msgbox(1)",
  "//example.com/path",
  "https://example.com/#/keys",
  "\\\\example.com\\share",
  `';${RUN};//`,
  `\${${RUN}}`,
  "{{constructor.constructor('window.executed=1')()}}",
  "<%= 7 * 7 %>",
  "#{7*7}",
  `</script><!--<script>${RUN}`,
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  "&#x3C;img src=x onerror=window.executed=1&#x3E;",
  "\\u003cimg src=x onerror=window.executed=1\\u003e",
  "expression(window.executed=1)",
  "url(https://example.com/x.png)",
  "} body { display: none } .x {",
];

/** Names that mean something to JavaScript, to a path or to a spreadsheet. */
const NAMES = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "__proto__.polluted",
  "../../v1/keys",
  "..%2F..%2Fv1%2Fkeys",
  "%2F..%2F..",
  "%00%0d%0aset-cookie: a=b",
  "a?b=c&d=e#f",
  "null",
  "undefined",
  "NaN",
  "-1e309",
  "=1+1",
  '=HYPERLINK("https://example.com","open")',
  "@SUM(1+1)*cmd|' /C calc'!A0",
  "+1+1",
  "-1+1",
];

/** Text that changes the direction, the size or the lines of its surroundings. */
const LAYOUT = [
  "\u202Eevil\u202C reversed",
  "\u2066isolated\u2069 and \u200Fmarked",
  "zero\u200Bwidth\u200Djoined\uFEFF",
  "first line\nsecond line\r\nthird line",
  "tab\tseparated",
  "W".repeat(300),
  "words ".repeat(120).trim(),
  "Z\u0351\u036B\u0343\u036A\u0302\u036Ba\u033B\u034D\u0349lgo".repeat(8),
  "👩‍👩‍👧‍👦🏳️‍🌈".repeat(6),
  "漢字かな交じり文の非常に長い名前".repeat(8),
  "مرحبا بالعالم",
  "½ ﬁ Å İ ı ß ẞ",
  "nul\u0000inside",
  "\u0001\u0007\u001B[31mred\u007F",
];

/** All texts. */
export const TEXTS = [...MARKUP, ...CONTEXTS, ...NAMES, ...LAYOUT];
