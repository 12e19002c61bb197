// The package is built for bundlers: its imports name no file ending, which Node insists on.
export function resolve(specifier, context, next) {
  const bare = specifier.startsWith(".") && !/\.m?js$/.test(specifier);
  return next(bare ? `${specifier}.js` : specifier, context);
}
