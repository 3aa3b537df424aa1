/** A logical volume of LVM, by the names of its group and of itself. */
export interface LogicalVolume {
  readonly volumeGroup: string;
  readonly volume: string;
}

/** What LVM takes as the name of a group or a volume; no name that begins with a hyphen, it would be an option. */
const NAME = /^(?!-|\.\.?$)[a-zA-Z0-9+_.-]{1,127}$/;

/** What the name of a logical volume looks like, for messages. */
export const LOGICAL_VOLUME_EXPECTED = 'a volume group and a volume, such as vg0/web1';

/** Whether LVM takes a text as the name of a volume group or of a logical volume: lvm(8), "Valid names". */
export function isLvmName(text: string): boolean {
  return NAME.test(text);
}

/** Reads `VG/LV`, also as the path of its device, `/dev/VG/LV`; undefined when it is neither. */
export function parseLogicalVolume(text: string): LogicalVolume | undefined {
  const [volumeGroup = '', volume = '', ...more] = text.replace(/^\/dev\//, '').split('/');
  return more.length === 0 && isLvmName(volumeGroup) && isLvmName(volume)
    ? { volumeGroup, volume }
    : undefined;
}

/** The name of a logical volume as LVM writes it: `vg0/web1`. */
export function formatLogicalVolume({ volumeGroup, volume }: LogicalVolume): string {
  return `${volumeGroup}/${volume}`;
}
