// The way to the server: requests typed by its own description, the session's protection, and errors as exceptions.
//
// Nothing is kept here beyond the CSRF token, in memory: the session is a cookie that no script can read.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated";

/** A type of the server's description. */
export type Model<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** Why a request was not answered as asked, in the server's words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string,
    readonly requestId: string | null,
  ) {
    super(message);
  }
}

/** The server could not be reached at all. */
export class Unreachable extends Error {}

const CSRF = "X-Harbor-CSRF-Token";
let csrfToken: string | null = null;

/** `fetch` with the token that changes need. A first one, or one that has gone stale, is told with a 403: then once more. */
export async function send(request: Request): Promise<Response> {
  const spare = request.clone();
  const response = await sendOnce(request);
  const isUnprotected = !["GET", "HEAD"].includes(request.method) && response.status === 403;
  if (!isUnprotected || !(await response.clone().text()).includes("CSRF")) return response;
  return sendOnce(spare);
}

async function sendOnce(request: Request): Promise<Response> {
  if (csrfToken !== null && !["GET", "HEAD"].includes(request.method)) request.headers.set(CSRF, csrfToken);
  let response: Response;
  try {
    response = await fetch(request);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Unreachable("unreachable", { cause });
  }
  csrfToken = response.headers.get(CSRF) ?? csrfToken;
  return response;
}

/** The API, as described in docs/reference/openapi.json. */
export const api = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "http://localhost", fetch: send });

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** What was answered, or an exception that says why not. */
export async function body<Data>(answer: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await answer;
  if (!response.ok) throw failure(response, error);
  return data as Data;
}

/** One page of a list, and how many there are in all. */
export interface Paged<Item> {
  items: Item[];
  total: number;
}

/** A page of a list. */
export async function page<Item>(answer: Promise<Answer<Item[]>>): Promise<Paged<Item>> {
  const { data, error, response } = await answer;
  if (!response.ok) throw failure(response, error);
  const items = data ?? [];
  return { items, total: Number(response.headers.get("X-Total-Count") ?? items.length) };
}

/** The number at the end of a `Location`: what was just made. */
export async function created(answer: Promise<Answer<unknown>>): Promise<number> {
  const { error, response } = await answer;
  if (!response.ok) throw failure(response, error);
  return Number(response.headers.get("Location")?.split("/").pop());
}

function failure(response: Response, error: unknown): ApiError {
  const first = (error as Partial<Model<"Errors">> | undefined)?.errors?.[0];
  const message = first?.message || response.statusText || `HTTP ${response.status}`;
  return new ApiError(response.status, message, first?.code ?? "", response.headers.get("X-Request-Id"));
}

/** Opens a session. False: the name or the password is wrong. */
export async function signIn(principal: string, password: string): Promise<boolean> {
  const form = new URLSearchParams({ principal, password });
  const response = await send(new Request(new URL("/c/login", location.origin), { method: "POST", body: form }));
  if (response.status === 401) return false;
  if (!response.ok) throw failure(response, await response.json().catch(() => undefined));
  return true;
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  await send(new Request(new URL("/c/log_out", location.origin)));
}

/** A repository's name as a part of a path: encoded once here and once by the client, since proxies may decode it. */
export function pathName(name: string): string {
  return encodeURIComponent(name);
}

/** A condition of `q=`: what was typed is looked for as it is. */
export function like(key: string, text: string): string | undefined {
  return text === "" ? undefined : `${key}=~${encodeURIComponent(text)}`;
}

/** Conditions of `q=` together. */
export function allOf(...conditions: (string | undefined)[]): string | undefined {
  const given = conditions.filter((condition) => condition !== undefined);
  return given.length > 0 ? given.join(",") : undefined;
}
