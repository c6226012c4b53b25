// Makes template_cases.json: templates drawn from our subset, and what mustache.js says they render to.
// Run in a folder with `npm install mustache`: node template_cases.mjs > template_cases.json
// Left out, because we differ on purpose: a dotted name whose first part is shadowed (we follow the specification), and a list or an
// object where a text is wanted (we render nothing).
import Mustache from 'mustache';

let seed = 20261123;
const random = (n) => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor((seed / 4294967296) * n);
};
const pick = (list) => list[random(list.length)];

const texts = ['a', ' ', '\n', 'Hello, ', '  ', '\n\n', '中文', ' { ', ' } ', 'x=1', '\t', '<p>', '\r\n', '"', '|'];
const scalars = ['plain', 'a & b', '<b>"x"</b>', "it's", '', 'line\nline', '编号 42', 0, 1, 42, -7, 1.5, 1.21, true, false, null, 'a/b`c=d'];
const names = ['s', 't', 'n', 'flag', 'none', 'person.name', 'person.pet.name', 'missing', 'missing.part', '.'];

const data = () => ({
  s: pick(scalars), t: pick(scalars), n: pick(scalars), flag: pick([true, false]), none: null,
  list: Array.from({ length: random(4) }, () => pick(scalars.filter((v) => v !== null))),
  items: Array.from({ length: random(3) }, () => ({ v: pick(scalars), s: pick(scalars) })),
  person: pick([{ name: 'Joe', pet: { name: 'Rex' } }, { name: '王小明' }, {}, null]),
});

const standalone = (tag) => (random(3) ? tag : pick(['\n', '\n  ']) + tag + pick(['\n', ' \n', '\r\n']));

function piece(depth) {
  const name = pick(names);
  switch (random(depth > 3 ? 4 : 7)) {
    case 0: return pick(texts);
    case 1: return name === '.' ? '{{s}}' : `{{${pick(['', ' '])}${name}${pick(['', ' '])}}}`;
    case 2: return name === '.' ? '{{{t}}}' : `{{{${name}}}}`;
    case 3: return pick([standalone('{{! a comment }}'), name === '.' ? '{{&s}}' : `{{&${name}}}`]);
    case 4: return standalone(`{{#list}}`) + body(depth + 1, true) + standalone('{{/list}}');
    default: {
      const section = pick(['s', 't', 'flag', 'none', 'items', 'person', 'missing', 'person.pet', 'n']);
      return standalone(`{{${pick(['#', '^'])}${section}}}`) + body(depth + 1, false) + standalone(`{{/${section}}}`);
    }
  }
}
const body = (depth, dot) =>
  Array.from({ length: 1 + random(4) }, () => (dot && !random(3) ? '({{.}})' : piece(depth))).join('');

const objectsPrinted = (text) => text.includes('[object');
// A line of several section tags and blanks: mustache.js takes the line away, the specification speaks of one tag.
const tags = /\{\{[#^/!][^}]*\}\}/g;
const crowded = (text) => text.split('\n').some((line) => (line.match(tags) ?? []).length > 1 && !line.replace(tags, '').trim());
const cases = [];
while (cases.length < 400) {
  const template = body(0, false), values = data();
  const expected = Mustache.render(template, values);
  if (!objectsPrinted(expected) && !crowded(template)) cases.push({ template, data: values, expected });
}
console.log('[\n' + cases.map((one) => JSON.stringify(one)).join(',\n') + '\n]');
