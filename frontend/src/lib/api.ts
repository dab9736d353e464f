/** One call of the REST API, and the words of its refusals. */

const BASE = `${process.env.NEXT_PUBLIC_API_URL ?? ""}/api/v1`;

/** The API said no, or could not be asked (status 0). `code` names the reason where the API names one. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
  ) {
    super(message);
  }
}

async function call<Body>(path: string, init: RequestInit): Promise<Body> {
  let response: Response;
  try {
    response = await fetch(BASE + path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "The API does not answer. Is it running?");
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  const words = [problem.detail ?? `The API answered ${response.status}`, problem.hint].filter(Boolean);
  throw new ApiError(response.status, `${words.join(". ")}.`, problem.code ?? null);
}

export function get<Body>(path: string, signal?: AbortSignal): Promise<Body> {
  return call(path, { headers: { accept: "application/json" }, ...(signal ? { signal } : {}) });
}

export function post<Body>(path: string, body: unknown, signal?: AbortSignal): Promise<Body> {
  return call(path, {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

/** Asking again would be answered the same. */
export function isFinal(error: Error): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
}

/** Whether to ask again after so many failures: for queries. */
export function retry(failures: number, error: Error): boolean {
  return failures < 3 && !isFinal(error);
}
