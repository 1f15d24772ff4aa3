// Which field a line of the server is about. The server names what is wrong in its text.

const ABOUT = [
  [/^id '|has a camera '.*' already|^two cameras have the id|^the id of a camera/, "id"],
  [/^transport '/, "transport"],
  [/^detect_fps /, "detect_fps"],
  [/^motion_area '.*' together|^motion_area '.*', expected 'detect/, "detect"],
  [/^motion_area /, "motion_area"],
  [/^region /, "region"],
  [/^ignore /, "ignore"],
  [/^client '/, "client"],
  [/^detect /, "detect"],
  [/has a password but no username|has an empty username|give user and password again/, "username"],
  [/has a username but no password/, "password"],
  [/^the url |^url scheme|^unknown url scheme|^the credentials in the url|has credentials in its url|with url scheme/, "url"],
];

/** `{ field, text }` of an error's line; `field` is null where it is about none of them. */
export function explain(line) {
  // A place in a file that the operator may not even have.
  const text = line.replace(/^.*?:\d+:\d+: /, "").replace(/^'[^']*' has a camera '([^']*)' already.*/, "there is a camera “$1” already");
  const quoted = text.match(/^'(\w+)' (?:refers to a variable|has \d+ bytes)/)?.[1];
  const [, field] = ABOUT.find(([pattern]) => pattern.test(text) || pattern.test(line)) ?? [];
  return { field: quoted ?? field ?? null, text: sentence(text.replace(/\burl\b(?!')/g, "URL")) };
}

export function sentence(text) {
  const end = /[.!?]$/.test(text) ? "" : ".";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}
