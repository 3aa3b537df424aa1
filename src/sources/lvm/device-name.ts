/**
 * The name that the device mapper has for a volume, which is also its file name in /dev/mapper: hyphens of group and
 * volume are doubled, so that the one between them tells where the group ends (lvm(8), "Device Mapper names").
 *
 * @param layer an inner device of the volume, such as `tpool`
 */
export function mapperName(volumeGroup: string, volume: string, layer?: string): string {
  const names = [volumeGroup, volume].map((name) => name.replaceAll('-', '--'));
  return [...names, ...(layer === undefined ? [] : [layer])].join('-');
}

/** The path of the device of a volume. It is there while the volume is active. */
export function devicePath(volumeGroup: string, volume: string): string {
  return `/dev/mapper/${mapperName(volumeGroup, volume)}`;
}
