"""How the report looks: light and dark by the reader's setting, and on paper."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2530; --quiet: #5b6673; --grid: #e3e7ec; --axis: #8b95a1;
  --ours: #0b65b5; --theirs: #b4520a; --actual: #2f855a; --share: #b9c6d4; --raised: #f4f7fa; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e8ecf1; --quiet: #a3aebb; --grid: #2a323b;
  --axis: #76818e; --ours: #69b1f5; --theirs: #f0a05a; --actual: #6fce9b; --share: #44525f; --raised: #1d232a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans CJK SC", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .4rem; }
p { max-width: 76ch; margin: .5rem 0; }
p.lead { font-size: 1.08rem; } p.quiet { color: var(--quiet); font-size: .86rem; margin-top: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: .8rem 0; }
th, td { padding: .45rem .7rem; border-bottom: 1px solid var(--grid); text-align: right; vertical-align: top; }
th[scope=row], thead th:first-child { text-align: left; font-weight: 500; }
thead th { color: var(--quiet); font-weight: 500; font-size: .86rem; }
th[scope=row] { min-width: 9.5rem; }
td small { display: block; color: var(--quiet); font-size: .76rem; }
.our-row { background: var(--raised); } .our-row th, .our-row td { font-weight: 650; }
.our-row small { font-weight: 400; } .lead-row td, .lead-row th { border-bottom: 0; }
.pictures { display: flex; flex-wrap: wrap; gap: 20px; }
figure { margin: .6rem 0 0; flex: 1 1 480px; max-width: 100%; }
#shapes figure { flex: 0 1 320px; } #months figure, #stages figure { flex-basis: 100%; }
#levels figure { max-width: 620px; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font-family: inherit; } svg .quiet { fill: var(--quiet); }
svg .strong { font-weight: 600; }
polyline { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
line { stroke-width: 1; } .grid { stroke: var(--grid); } .axis { stroke: var(--axis); }
.reference { stroke: var(--axis); stroke-dasharray: 3 4; stroke-width: 1.4; }
.bound { stroke: var(--axis); stroke-width: 1.2; }
.ours { stroke: var(--ours); } .theirs { stroke: var(--theirs); stroke-dasharray: 6 7; }
.actual { stroke: var(--actual); stroke-dasharray: 2 3; } .whisker { stroke: var(--ours); stroke-width: 1.2; }
.dot, .fill-ours { fill: var(--ours); } .dot-actual, .fill-actual { fill: var(--actual); }
.dot-unknown { fill: var(--paper); stroke: var(--ours); stroke-width: 1.8; } .fill-share { fill: var(--share); }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #111; --quiet: #444; --grid: #ddd; --axis: #777;
  --ours: #0b65b5; --theirs: #b4520a; --actual: #2f855a; --share: #bbc; --raised: #f2f4f7; }
  main { padding: 0; max-width: none; } section { break-inside: auto; } figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; } #shapes figure { flex-basis: 30%; } }
"""
