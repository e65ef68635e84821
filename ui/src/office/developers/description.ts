/** The API as it describes itself at `/openapi.json`: what the reference and the console need. */
import { useQuery } from "@tanstack/react-query";
import { Lost } from "../../api/client";

type Node = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly place: string;
  readonly needed: boolean;
  readonly about: string;
  readonly kind: string;
}

export interface Property {
  readonly name: string;
  readonly kind: string;
  readonly needed: boolean;
  readonly about: string;
}

export interface Operation {
  /** Method and path: what it is called in addresses. */
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly group: string;
  readonly summary: string;
  readonly about: string;
  readonly permission: string;
  readonly parameters: readonly Parameter[];
  readonly body: readonly Property[] | null;
  /** A body to begin with. */
  readonly sample: string;
}

const METHODS = ["get", "post", "put", "patch", "delete"] as const;
const DEPTH_MAX = 4; // A schema that holds itself ends somewhere.

/** Ask the API what it is; it changes only with a new version. */
export function useOperations() {
  return useQuery({
    queryKey: ["openapi"],
    queryFn: async ({ signal }): Promise<readonly Operation[]> => {
      const response = await fetch("/openapi.json", { signal }).catch((failure: unknown) => {
        if (signal.aborted) throw failure;
        throw new Lost("no answer came");
      });
      if (!response.ok) throw new Lost(`an answer of status ${response.status}`);
      return operationsOf(record(await response.json()));
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

function operationsOf(document: Node): readonly Operation[] {
  const schemas = record(record(document["components"])["schemas"]);
  const found: Operation[] = [];
  for (const [path, methods] of Object.entries(record(document["paths"]))) {
    for (const method of METHODS) {
      const told = record(methods)[method];
      if (told !== undefined) found.push(operationOf(method, path, record(told), schemas));
    }
  }
  return found;
}

function operationOf(method: string, path: string, told: Node, schemas: Node): Operation {
  const content = record(record(told["requestBody"])["content"]);
  const json = record(content["application/json"])["schema"];
  const body = json === undefined ? null : resolved(record(json), schemas);
  const parameters = list(told["parameters"]).map((one) => ({
    name: text(one["name"]),
    place: text(one["in"]),
    needed: one["required"] === true,
    about: text(one["description"]),
    kind: kindOf(record(one["schema"])),
  }));
  return {
    id: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path,
    group: list(told["tags"], text)[0] ?? "",
    summary: text(told["summary"]),
    about: text(told["description"]),
    permission: text(told["x-permission"]),
    parameters,
    body: body === null ? null : propertiesOf(body),
    sample: body === null ? "" : JSON.stringify(sampleOf(body, schemas, 0), null, 2),
  };
}

function propertiesOf(schema: Node): readonly Property[] {
  const needed = new Set(list(schema["required"], text));
  return Object.entries(record(schema["properties"])).map(([name, told]) => ({
    name,
    kind: kindOf(record(told)),
    needed: needed.has(name),
    about: text(record(told)["description"]),
  }));
}

function kindOf(schema: Node): string {
  const named = text(schema["$ref"]).split("/").pop();
  if (named) return named;
  const either = [...list(schema["anyOf"]), ...list(schema["allOf"])];
  if (either.length > 0) return either.map(kindOf).join(" | ");
  if (schema["type"] === "array") return `${kindOf(record(schema["items"]))}[]`;
  const choices = schema["enum"];
  if (Array.isArray(choices)) return choices.join(" | ");
  return text(schema["type"]) || "any";
}

function resolved(schema: Node, schemas: Node): Node {
  const named = text(schema["$ref"]).split("/").pop();
  return named ? record(schemas[named]) : schema;
}

/** Return a value to begin with: what is needed, and no guess about the rest. */
function sampleOf(told: Node, schemas: Node, depth: number): unknown {
  const schema = resolved(told, schemas);
  if (schema["default"] !== undefined) return schema["default"];
  if (schema["const"] !== undefined) return schema["const"];
  const choices = schema["enum"];
  if (Array.isArray(choices)) return choices[0] as unknown;
  const first = [...list(schema["anyOf"]), ...list(schema["allOf"])][0];
  if (first) return depth > DEPTH_MAX ? null : sampleOf(first, schemas, depth + 1);
  switch (schema["type"]) {
    case "object": {
      if (depth > DEPTH_MAX) return {};
      const properties = record(schema["properties"]);
      const needed = list(schema["required"], text);
      return Object.fromEntries(
        needed.map((name) => [name, sampleOf(record(properties[name]), schemas, depth + 1)]),
      );
    }
    case "array":
      return [];
    case "integer":
    case "number":
      return 0;
    case "boolean":
      return false;
    default:
      return "";
  }
}

function record(value: unknown): Node {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Node)
    : {};
}

function list<Item = Node>(value: unknown, read?: (one: unknown) => Item): readonly Item[] {
  const found: readonly unknown[] = Array.isArray(value) ? value : [];
  return found.map((one) => (read ? read(one) : (record(one) as Item)));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
