// Outlines on a 16 by 16 grid, drawn by the stroke.
export const ICONS = {
  calendar: "M2.5 4.5h11v9h-11zM2.5 7.5h11M5.5 2.5v3M10.5 2.5v3",
  close: "M4 4l8 8M12 4l-8 8",
  desktop: "M2 3.5h12v7H2zM8 10.5V13M5.5 13h5",
  down: "M4 6l4 4 4-4",
  filter: "M2.5 4.5h11M4.5 8h7M6.5 11.5h3",
  help: "M6 6.2a2 2 0 1 1 2.7 1.9c-.5.2-.7.5-.7 1.1v.3M8 11.8v.1M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z",
  left: "M10 4L6 8l4 4",
  mobile: "M5 1.5h6v13H5zM7.5 12.5h1",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z",
  right: "M6 4l4 4-4 4",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  tablet: "M3 2.5h10v11H3zM7.5 11.5h1",
  tv: "M2 4.5h12v8H2zM5.5 2L8 4.5 10.5 2",
} as const;
export type IconName = keyof typeof ICONS;
