/* meridian-migrate: brings a database to the newest schema, or fills it with the demo.
 *
 * Run by the deployment before the services (a job on Kubernetes, deploy/local/up here), as a role that may
 * create roles. Exit codes: 0 done or nothing to do, 1 refused or failed (the reason is on standard error), 2
 * wrong usage. The connection is given by --db or MERIDIAN_DB; a password never by argument, which everybody
 * can read in the process list, but by MERIDIAN_DB_PASSWORD_FILE, PGPASSFILE or the conninfo of the
 * environment.
 */
#include "store/migrate.h"
#include "base/buf.h"
#include "base/memory.h"
#include "seed/seed.h"
#include <errno.h>
#include <getopt.h>
#include <meridian/errors.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: meridian-migrate [migrate] [--db CONNINFO] [--dir DIR]\n"
    "       meridian-migrate seed [--db CONNINFO] [--seed N] [--tickets N] [--webhook-url URL "
    "--webhook-secret SECRET]\n"
    "\n"
    "migrate applies the roles and migrations of DIR that are missing. seed adds the demo (loopback only, "
    "empty\n"
    "database only): people of three regions and N tickets (300) drawn from the seed (1).\n"
    "The database is given by --db or the environment variable MERIDIAN_DB, its password by a file named in\n"
    "MERIDIAN_DB_PASSWORD_FILE.\n";

struct arguments {
    bool seed;
    const char *db, *dir;
    struct seed_options demo;
};

static void on_message(void *arg, const char *message)
{
    (void)arg;
    fprintf(stderr, "meridian-migrate: %s\n", message);
}

static int wrong(const char *what)
{
    fprintf(stderr, "meridian-migrate: %s\n%s", what, usage);
    return 2;
}

/* 0; 2 after a complaint. */
static int parse(int argc, char **argv, struct arguments *ret)
{
    enum { DB = 1, DIR, SEED, TICKETS, URL, SECRET, HELP };
    static const struct option options[] = {
        {"db", required_argument, NULL, DB},
        {"dir", required_argument, NULL, DIR},
        {"seed", required_argument, NULL, SEED},
        {"tickets", required_argument, NULL, TICKETS},
        {"webhook-url", required_argument, NULL, URL},
        {"webhook-secret", required_argument, NULL, SECRET},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    int64_t number;
    int option;

    *ret = (struct arguments){.db = getenv("MERIDIAN_DB"),
                              .dir = MERIDIAN_SCHEMA_DIR,
                              .demo = {.seed = 1, .tickets = 300, .tell = on_message}};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case DB:
            ret->db = optarg;
            break;
        case DIR:
            ret->dir = optarg;
            break;
        case SEED:
            if (str_to_i64(str_from(optarg), INT64_MIN, INT64_MAX, &ret->demo.seed) < 0)
                return wrong("--seed must be a number");
            break;
        case TICKETS:
            if (str_to_i64(str_from(optarg), 0, 100000, &number) < 0)
                return wrong("--tickets must be a number from 0 to 100000");
            ret->demo.tickets = (int)number;
            break;
        case URL:
            ret->demo.webhook_url = optarg;
            break;
        case SECRET:
            ret->demo.webhook_secret = optarg;
            break;
        case HELP:
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc && (!strcmp(argv[optind], "seed") || !strcmp(argv[optind], "migrate")))
        ret->seed = !strcmp(argv[optind++], "seed");
    if (optind < argc)
        return wrong("unknown command");
    if (!ret->db)
        return wrong("which database? give --db or MERIDIAN_DB");
    if (!ret->demo.webhook_url != !ret->demo.webhook_secret)
        return wrong("--webhook-url and --webhook-secret belong together");
    return 0;
}

/* The conninfo with the password of the file added, quoted as libpq wants it. */
static int add_password(const char *db, struct buf *ret_conninfo)
{
    const char *path = getenv("MERIDIAN_DB_PASSWORD_FILE");
    char line[1024];
    FILE *file;
    bool read;

    buf_add_text(ret_conninfo, db);
    if (!path)
        return 0;
    file = fopen(path, "re");
    read = file && fgets(line, sizeof line, file);
    if (!read)
        fprintf(stderr, "meridian-migrate: %s: %s\n", path,
                file && !ferror(file) ? "empty" : strerror(errno));
    if (file)
        fclose(file);
    if (!read)
        return -E_CONFIG;
    line[strcspn(line, "\r\n")] = 0;
    buf_add_text(ret_conninfo, " password='");
    for (const char *c = line; *c; c++) {
        if (*c == '\'' || *c == '\\')
            buf_add_char(ret_conninfo, '\\');
        buf_add_char(ret_conninfo, *c);
    }
    buf_add_char(ret_conninfo, '\'');
    return 0;
}

static int migrate(const char *conninfo, const char *dir)
{
    int applied, r;

    r = store_migrate(&(struct store_migrate_options){.conninfo = conninfo, .dir = dir, .tell = on_message},
                      &applied);
    if (r < 0)
        return r;
    if (applied)
        printf("%d applied\n", applied);
    else
        puts("up to date");
    return 0;
}

static int seed(struct arguments *arguments, const char *conninfo)
{
    int r;

    arguments->demo.conninfo = conninfo;
    r = seed_run(&arguments->demo);
    if (r < 0)
        return r;
    if (r)
        puts("people are here already: nothing to do");
    else
        printf("seeded %d tickets\n", arguments->demo.tickets);
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_buf_ struct buf conninfo = BUF_INIT;
    struct arguments arguments;
    int r = parse(argc, argv, &arguments);

    if (r)
        return r;
    r = add_password(arguments.db, &conninfo);
    if (!r)
        r = arguments.seed ? seed(&arguments, buf_text(&conninfo))
                           : migrate(buf_text(&conninfo), arguments.dir);
    return r < 0 ? 1 : 0;
}
