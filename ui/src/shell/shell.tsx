// What is around every page: the way between pages, search, language, look, and who is signed in.
import {
  ActionIcon,
  Anchor,
  AppShell,
  Burger,
  Button,
  Group,
  Image,
  Menu,
  NavLink,
  ScrollArea,
  Text,
  TextInput,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  type Icon,
  IconAnchor,
  IconApi,
  IconChartPie,
  IconChevronDown,
  IconCloudDownload,
  IconHome,
  IconInfoCircle,
  IconKey,
  IconLanguage,
  IconListDetails,
  IconLogout,
  IconMoon,
  IconPlugConnected,
  IconRobot,
  IconSearch,
  IconSettings,
  IconSun,
  IconUser,
  IconUsers,
} from "@tabler/icons-react";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";
import icon from "@/look/icon.svg";
import { useMay, useMe, useSignOut } from "@/session";
import { LANGUAGES, type Language, useText } from "@/text";
import { Banner } from "./banner";

const ChangePassword = lazy(async () => ({ default: (await import("./change-password")).ChangePassword }));

export function Shell({ children }: { children: ReactNode }) {
  const { t } = useText();
  const [isOpen, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page is what closes it
  useEffect(close, [pathname]);
  return (
    <AppShell
      header={{ height: 60 }}
      navbar={{ width: 240, breakpoint: "md", collapsed: { mobile: !isOpen } }}
      padding={{ base: "md", md: "xl" }}
    >
      <AppShell.Header>
        <a className="skip" href="#main">
          {t.shell.skip}
        </a>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="sm">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={isOpen}
              onClick={toggle}
              hiddenFrom="md"
              size="sm"
              aria-label={t.shell.menu}
              aria-expanded={isOpen}
            />
            <Brand />
          </Group>
          <SearchBox />
          <Group gap={4} wrap="nowrap">
            <LanguageMenu />
            <SchemeButton />
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label={t.shell.menu}>
        <AppShell.Section grow component={ScrollArea}>
          <Navigation />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: "none" }}>
        <Banner />
        {children}
      </AppShell.Main>
    </AppShell>
  );
}

export function Brand() {
  return (
    <Anchor component={Link} to="/" underline="never" c="inherit" aria-label="Roadstead">
      <Group gap={10} wrap="nowrap">
        <Image src={icon} w={30} h={30} alt="" />
        <Text fw={700} fz="lg" visibleFrom="xs">
          Roadstead
        </Text>
      </Group>
    </Anchor>
  );
}

function Navigation() {
  const { t } = useText();
  const may = useMay();
  const me = useMe();
  const administration: [string, string, Icon, boolean][] = [
    ["/harbor/registries", t.nav.endpoints, IconCloudDownload, may("registry", "list")],
    ["/harbor/users", t.nav.users, IconUsers, may("user", "list")],
    ["/harbor/robot-accounts", t.nav.robots, IconRobot, may("robot", "list")],
    ["/harbor/project-quotas", t.nav.quotas, IconChartPie, may("quota", "list")],
    ["/harbor/configs/setting", t.nav.configuration, IconSettings, may("configuration", "update")],
  ];
  const shown = administration.filter(([, , , isShown]) => isShown);
  return (
    <>
      {me && <Item to="/harbor/home" label={t.nav.home} icon={IconHome} />}
      <Item to="/harbor/projects" label={t.nav.projects} icon={IconAnchor} />
      {me && <Item to="/harbor/logs/audit-log" label={t.nav.logs} icon={IconListDetails} />}
      <Item to="/harbor/connect" label={t.nav.connect} icon={IconPlugConnected} />
      {shown.length > 0 && (
        <Text size="xs" fw={600} c="dimmed" px="sm" pt="md" pb={4}>
          {t.nav.administration}
        </Text>
      )}
      {shown.map(([to, label, icon]) => (
        <Item key={to} to={to} label={label} icon={icon} />
      ))}
      <Text size="xs" fw={600} c="dimmed" px="sm" pt="md" pb={4}>
        {t.nav.more}
      </Text>
      <NavLink
        href="/devcenter-api-2.0"
        label={t.nav.api}
        leftSection={<IconApi size={18} stroke={1.6} />}
        style={{ borderRadius: 8 }}
      />
      <Item to="/harbor/about" label={t.nav.about} icon={IconInfoCircle} />
    </>
  );
}

function Item({ to, label, icon: Picture }: { to: string; label: string; icon: Icon }) {
  const { pathname } = useLocation();
  const isHere = pathname === to || pathname.startsWith(`${to}/`);
  return (
    <NavLink
      component={Link}
      to={to}
      label={label}
      active={isHere}
      aria-current={isHere ? "page" : undefined}
      leftSection={<Picture size={18} stroke={1.6} />}
      style={{ borderRadius: 8 }}
    />
  );
}

function SearchBox() {
  const { t } = useText();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  return (
    <search style={{ flex: "0 1 26rem", minWidth: 0 }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) navigate(`/harbor/search?q=${encodeURIComponent(text.trim())}`);
        }}
      >
        <TextInput
          aria-label={t.shell.search}
          placeholder={t.shell.search}
          leftSection={<IconSearch size={16} />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      </form>
    </search>
  );
}

export function LanguageMenu() {
  const { t, language, speak } = useText();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t.shell.language}>
          <IconLanguage size={20} stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {(Object.entries(LANGUAGES) as [Language, string][]).map(([key, name]) => (
          <Menu.Item key={key} lang={key} fw={key === language ? 600 : undefined} onClick={() => speak(key)}>
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function SchemeButton() {
  const { t } = useText();
  const { setColorScheme, colorScheme } = useMantineColorScheme();
  const isDark =
    colorScheme === "dark" || (colorScheme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={isDark ? t.shell.light : t.shell.dark}
      onClick={() => setColorScheme(isDark ? "light" : "dark")}
    >
      {isDark ? <IconSun size={20} stroke={1.6} /> : <IconMoon size={20} stroke={1.6} />}
    </ActionIcon>
  );
}

function UserMenu() {
  const { t } = useText();
  const me = useMe();
  const navigate = useNavigate();
  const { pathname, search } = useLocation();
  const signOut = useSignOut();
  const [isChanging, changing] = useDisclosure();
  if (me === undefined) return null;
  if (me === null) {
    return (
      <Button component={Link} to={`/account/sign-in?back=${encodeURIComponent(pathname + search)}`} variant="light">
        {t.signIn.submit}
      </Button>
    );
  }
  const leave = async () => {
    await signOut();
    navigate("/account/sign-in");
  };
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            px="xs"
            rightSection={<IconChevronDown size={14} />}
            aria-label={t.shell.account(me.username)}
          >
            <Group gap={6} wrap="nowrap">
              <IconUser size={18} stroke={1.6} />
              <Text span size="sm" visibleFrom="sm" maw="10rem" truncate>
                {me.username}
              </Text>
            </Group>
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconKey size={16} />} onClick={changing.open}>
            {t.shell.changePassword}
          </Menu.Item>
          <Menu.Item leftSection={<IconLogout size={16} />} onClick={leave}>
            {t.shell.signOut}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Suspense>{isChanging && <ChangePassword user={me} isOpen onClose={changing.close} />}</Suspense>
    </>
  );
}
