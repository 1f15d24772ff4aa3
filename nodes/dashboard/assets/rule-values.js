// What a rule's form holds, and what of it is new.

import { listText } from "./shapes.js";

/** The kinds that a zone may have, and a line; and the fields of each beside those of all. */
export const KINDS_OF = { zone: ["presence", "occupancy", "dwell", "crowding", "speed"], line: ["crossing"] };
const OF_KIND = {
  presence: ["enter", "leave"],
  occupancy: ["enter", "leave"],
  dwell: ["after", "enter", "leave"],
  crowding: ["at_least", "enter", "leave"],
  speed: ["edges", "diagonal", "over", "enter", "leave"],
  crossing: ["direction", "band"],
};
const OF_ALL = ["cameras", "objects", "min_score", "anchor"];
/** What is a list in the file, and is typed with commas. */
const LISTS = ["cameras", "objects", "edges"];

/** The fields that a form of this kind shows. */
export function fieldsOfKind(kind) {
  return [...(OF_KIND[kind] ?? []), ...OF_ALL];
}

/** As it is typed. */
export function typedOf(rule) {
  const typed = (name) => (LISTS.includes(name) ? (rule.fields[name] ?? "").replace(/^\[|\]$/g, "") : (rule.fields[name] ?? ""));
  return { name: rule.name, kind: rule.kind, ...Object.fromEntries([...Object.values(OF_KIND).flat(), ...OF_ALL].map((name) => [name, typed(name)])) };
}

function asInFile(name, value) {
  const text = value.trim();
  if (!LISTS.includes(name) || text === "") return text;
  return `[${text.split(",").map((it) => it.trim()).filter(Boolean).join(", ")}]`;
}

/** The fields of a new rule. */
export function fieldsOf(values, shape, points) {
  const fields = { name: values.name.trim(), kind: values.kind };
  for (const name of fieldsOfKind(values.kind)) if (values[name].trim() !== "") fields[name] = asInFile(name, values[name]);
  return { ...fields, [shape]: listText(points) };
}

/** What to set and unset so that a rule of the file has these values. */
export function changeOf(values, points, rule) {
  const [set, unset] = [{}, []];
  const before = typedOf(rule);
  for (const name of ["name", "kind"]) if (values[name].trim() !== before[name]) set[name] = values[name].trim();
  const shown = fieldsOfKind(values.kind);
  for (const name of Object.keys(before).filter((it) => it !== "name" && it !== "kind")) {
    const isThere = rule.fields[name] !== undefined;
    // A field of another kind would be refused.
    if (!shown.includes(name) || values[name].trim() === "") {
      if (isThere) unset.push(name);
    } else if (asInFile(name, values[name]) !== asInFile(name, before[name])) {
      set[name] = asInFile(name, values[name]);
    }
  }
  if (listText(points) !== listText(rule.points)) set[rule.is_line ? "line" : "zone"] = listText(points);
  return { set, unset };
}
