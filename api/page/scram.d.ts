/** PostgreSQL's default number of iterations: 4,096. */
export declare const iterations: number;
/** 192 random bits as 32 ASCII characters that no shell, URL or connection string has to quote. */
export declare function makePassword(): string;
/** 16 random bytes. */
export declare function makeSalt(): Uint8Array<ArrayBuffer>;
/** The SCRAM-SHA-256 verifier of a printable ASCII password; throws without WebCrypto. */
export declare function makeVerifier(password: string, salt?: Uint8Array<ArrayBuffer>): Promise<string>;
