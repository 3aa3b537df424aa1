/** A logical volume of LVM, by the names of its group and of itself. */
export interface LogicalVolume {
  readonly volumeGroup: string;
  readonly volume: string;
}

/** A name of a group or volume for LVM. It has no hyphen in front, which would make it an option. */
const NAME = /^(?!-|\.\.?$)[a-zA-Z0-9+_.-]{1,127}$/;

/** The form of a logical volume's name, for messages. */
export const LOGICAL_VOLUME_EXPECTED = 'a volume group and a volume, such as vg0/web1';

/** Whether a text is a valid name of a volume group or logical volume: lvm(8), "Valid names". */
export function isLvmName(text: string): boolean {
  return NAME.test(text);
}

/** Parses `VG/LV` or the path of its device, `/dev/VG/LV`. Returns undefined for any other text. */
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
