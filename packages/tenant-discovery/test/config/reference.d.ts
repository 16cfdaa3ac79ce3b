/** `.env.reference`, written out from the table of variables. */
export declare const render: () => string
//# sourceMappingURL=reference.d.ts.map
