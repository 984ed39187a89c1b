import js from "@eslint/js";

const names = (kind, ...all) => Object.fromEntries(all.map((name) => [name, kind]));
const browser = names(
  "readonly",
  ...["console", "crypto", "document", "localStorage", "location", "sessionStorage"],
  ...["setTimeout", "URL", "URLSearchParams", "window", "io"],
);
const node = names(
  "readonly",
  ...["Buffer", "clearTimeout", "console", "fetch", "performance", "process", "URL"],
  ...["setImmediate", "setTimeout"],
);
const strict = {
  curly: ["error", "multi-line"],
  eqeqeq: "error",
  "no-implicit-coercion": "error",
  "no-restricted-properties": [
    "error",
    // What people typed would become markup.
    ...["innerHTML", "outerHTML", "insertAdjacentHTML", "write"].map((property) => ({ property })),
  ],
  "no-shadow": "error",
  "no-var": "error",
  "prefer-const": "error",
};

export default [
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/page/*.js"],
    languageOptions: { sourceType: "script", globals: browser },
    rules: strict,
  },
  {
    // It is loaded after page.js, whose names it shares.
    files: ["**/page/classroom.js"],
    languageOptions: {
      globals: names(
        "readonly",
        ...["$", "ask", "element", "everyone", "idOf", "joinRoom", "keepOffset", "leave", "note"],
        ...["people", "rooms", "showAddresses", "showProblem", "showRooms", "socket", "writeTo"],
      ),
    },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: { globals: node },
    rules: { "no-unused-vars": ["error", { args: "none" }] },
  },
];
