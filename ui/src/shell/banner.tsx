// What the administrators want everyone to read: Harbor's banner.
import { Alert } from "@mantine/core";
import { useState } from "react";
import { useSystemInfo } from "@/session";

interface Message {
  message?: string;
  type?: string;
  closable?: boolean;
  fromDate?: string;
  toDate?: string;
}

/** The banner, if it is to be shown on that day. */
export function bannerOf(text: string, today: Date): Message | null {
  let banner: Message;
  try {
    banner = JSON.parse(text);
  } catch {
    return null;
  }
  if (!banner?.message) return null;
  const from = banner.fromDate ? new Date(banner.fromDate) : null;
  const to = banner.toDate ? new Date(`${banner.toDate} 23:59:59`) : null;
  return (from === null || from <= today) && (to === null || today <= to) ? banner : null;
}

const COLORS: Record<string, string> = { danger: "red", warning: "yellow", success: "teal" };

export function Banner() {
  const [closed, setClosed] = useState("");
  const text = useSystemInfo()?.banner_message ?? "";
  const banner = text ? bannerOf(text, new Date()) : null;
  if (banner === null || closed === text) return null;
  return (
    <Alert
      mb="md"
      color={COLORS[banner.type ?? ""] ?? "sea"}
      withCloseButton={banner.closable}
      onClose={() => setClosed(text)}
    >
      {banner.message}
    </Alert>
  );
}
