"""The look of the index report's page: light and dark, wide and narrow."""

# ruff: noqa: E501 - one rule a line

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--quiet:#5b6675;--page:#f6f7f9;--card:#fff;--line:#dde2e8;--code:#eef1f5;
--good:#12704a;--warn:#9a4b00;--bar:#2f7de1}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--quiet:#9aa6b5;--page:#12161c;--card:#1a2029;--line:#2c3541;
--code:#222a35;--good:#5fd0a0;--warn:#f0b072;--bar:#6aa8ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .75rem}h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
h4{margin:.75rem 0 .25rem;font-size:.85rem;color:var(--quiet)}
a{color:var(--bar)}
.effect{border-top:1px solid var(--line);padding:.6rem 0;display:flex;flex-wrap:wrap;gap:0 .75rem;align-items:baseline}
.effect code{flex:1 0 100%}.effect span{color:var(--quiet);font-size:.9rem}.effect .bar{flex:1 0 100%;height:4px}
.effect .bar,summary .bar{display:block;background:var(--line);border-radius:2px;margin-top:.35rem;overflow:hidden}
.changes h2{margin:.25rem 0;font-size:1.1rem;color:var(--good)}
.lead{font-size:1.1rem;border-left:4px solid var(--quiet);padding-left:.75rem}.lead.good{border-color:var(--good)}
.quiet,footer{color:var(--quiet);font-size:.9rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.75rem;margin:1rem 0}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.75rem 1rem}
.tiles b{display:block;font-size:1.25rem}.tiles span{color:var(--quiet);font-size:.85rem}
article{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:0 0 1rem}
article>pre{white-space:pre-wrap;overflow-wrap:anywhere}
article.open{border-style:dashed}
header{display:flex;gap:.75rem;justify-content:space-between;align-items:start;flex-wrap:wrap}
.badges{margin:0;display:flex;gap:.4rem;flex-wrap:wrap}.badge{font-size:.8rem;border:1px solid var(--line);border-radius:1rem;padding:.05rem .6rem;white-space:nowrap}
.badge.high{color:var(--good);border-color:var(--good)}.badge.low,.warn h2{color:var(--warn)}
pre{background:var(--code);border-radius:.35rem;padding:.6rem .75rem;overflow-x:auto;font-size:.85rem;margin:.6rem 0}
code{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.5rem;margin:.5rem 0}
dl>div:last-child{grid-column:span 2}
dt{color:var(--quiet);font-size:.8rem}dd{margin:0}
details{border-top:1px solid var(--line);padding:.5rem 0}
summary{cursor:pointer}summary code{display:inline-block;max-width:calc(100% - 1.5rem);vertical-align:top}
summary span{display:block;color:var(--quiet);font-size:.85rem}
summary .bar{height:4px}
.bar i{display:block;height:100%;background:var(--bar);min-width:2px}
.plans{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:0 1rem}.plans>div{min-width:0}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}th{color:var(--quiet)}
td:not(:first-child){min-width:6rem}
"""
