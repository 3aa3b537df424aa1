/** The name of the npm package that holds the engine for this platform, such as `@backy/binding-linux-x64-gnu`. */
export function bindingPackage(): string {
  const libc = process.platform === 'linux' ? [hasGlibc() ? 'gnu' : 'musl'] : [];
  return ['@backy/binding', process.platform, process.arch, ...libc].join('-');
}

/** Node says in its report which glibc it runs on; with musl there is none. */
function hasGlibc(): boolean {
  // Without this the report looks up the names of all network peers, which can take seconds.
  Reflect.set(process.report, 'excludeNetwork', true);
  const report: object = process.report.getReport();
  const header: unknown = 'header' in report ? report.header : undefined;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}
