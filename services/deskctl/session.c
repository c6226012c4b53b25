/* The session file. A damaged one is reported and treated as empty: signing in again repairs it. */
#include "deskctl/session.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/whole_file.h"
#include "meridian/errors.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char *session_path(void)
{
    const char *path = getenv("MERIDIAN_CONFIG"), *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (path && *path)
        return mem_str(path);
    if (base && *base)
        return mem_printf("%s/meridian/deskctl.json", base);
    return mem_printf("%s/.config/meridian/deskctl.json", home && *home ? home : ".");
}

json_t *session_load(void)
{
    _cleanup_(freep) char *path = session_path();
    json_error_t error;
    json_t *sessions;

    if (access(path, F_OK) != 0)
        return json_object();
    sessions = json_load_file(path, 0, &error);
    if (!json_is_object(sessions)) {
        fprintf(stderr,
                T("deskctl: %s is damaged (%s); sign in again\n", "deskctl：%s 已损坏（%s）；请重新登录\n"),
                path, error.text);
        json_decref(sessions);
        return json_object();
    }
    return sessions;
}

static void make_parents(const char *path)
{
    _cleanup_(freep) char *copy = mem_str(path);

    for (char *p = copy + 1; *p; p++) {
        if (*p == '/') {
            *p = 0;
            mkdir(copy, 0700);
            *p = '/';
        }
    }
}

int session_save(const json_t *sessions)
{
    _cleanup_(freep) char *path = session_path(),
                          *text = json_dumps(sessions, JSON_INDENT(2) | JSON_SORT_KEYS);

    make_parents(path);
    if (whole_file_replace(path, str_from(text), 0600) == 0)
        return 0;
    cli_fail(1, T("cannot write %s: %s", "无法写入 %s：%s"), path, strerror(errno));
    return -E_IO;
}
