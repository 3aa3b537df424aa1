/**
 * Returns the name of a volume in the device mapper, which is also its file name in /dev/mapper. Hyphens within the
 * names of group and volume are doubled, and a single hyphen separates the two names (lvm(8), "Device Mapper names").
 *
 * @param layer an inner device of the volume, such as `tpool`
 */
export function mapperName(volumeGroup: string, volume: string, layer?: string): string {
  const names = [volumeGroup, volume].map((name) => name.replaceAll('-', '--'));
  return [...names, ...(layer === undefined ? [] : [layer])].join('-');
}

/** Returns the path of a volume's device, which exists while the volume is active. */
export function devicePath(volumeGroup: string, volume: string): string {
  return `/dev/mapper/${mapperName(volumeGroup, volume)}`;
}
