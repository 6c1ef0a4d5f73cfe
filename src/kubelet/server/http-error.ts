/** An answer other than success, as the kubelet gives them: plain text, not a Status (the API server makes that of it). */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: number, text: string, options: ErrorOptions & { headers?: Record<string, string> } = {}) {
    super(text, options);
    this.code = code;
    this.headers = options.headers ?? {};
  }
}
