export {}
//# sourceMappingURL=reference.test.d.ts.map
