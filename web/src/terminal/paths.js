// Paths of the server's machine, as text.

/**
 * The directories from the root to `path`.
 * @param {string} path absolute
 * @returns {{name: string, path: string}[]}
 */
export function breadcrumbs(path) {
  const names = path.split('/').filter((name) => name !== '');
  const steps = names.map((name, index) => ({ name, path: `/${names.slice(0, index + 1).join('/')}` }));
  return [{ name: '/', path: '/' }, ...steps];
}
