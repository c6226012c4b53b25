/* Cases and CSV: what both log readers share. */
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/replay.h"
#include <errno.h>
#include <string.h>
#include <zlib.h>

const char *const replay_regions[REGIONS] = {"eu", "ap", "us"};
const char *const replay_teams[REPLAY_TEAMS] = {"service-desk", "infrastructure", "applications", "network",
                                                "experts"};

uint32_t replay_hash(const char *text)
{
    uint32_t hash = 2166136261u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

struct replay_case *replay_log_add(struct replay_log *log, const char *id)
{
    struct replay_case *c;

    if ((log->n & (log->n - 1)) == 0)
        log->cases = mem_grow(log->cases, (size_t)(log->n ? 2 * log->n : 1) * sizeof *log->cases);
    c = &log->cases[log->n++];
    *c = (struct replay_case){.impact = "medium", .urgency = "medium"};
    snprintf(c->id, sizeof c->id, "%s", id);
    return c;
}

void replay_case_add(struct replay_case *c, struct replay_step step)
{
    if ((c->nsteps & (c->nsteps - 1)) == 0)
        c->steps = mem_grow(c->steps, (size_t)(c->nsteps ? 2 * c->nsteps : 1) * sizeof *c->steps);
    c->steps[c->nsteps++] = step;
}

void replay_log_fini(struct replay_log *log)
{
    for (int i = 0; i < log->n; i++)
        free(log->cases[i].steps);
    free(log->cases);
    *log = (struct replay_log){0};
}

int csv_split(char *line, char *fields[CSV_MAX_FIELDS])
{
    int n = 0;
    char *p = line;

    line[strcspn(line, "\r\n")] = 0;
    while (n < CSV_MAX_FIELDS) {
        char *out = p;
        fields[n++] = p;
        if (*p == '"') {
            for (p++; *p && !(p[0] == '"' && p[1] != '"'); p++) {
                if (*p == '"')
                    p++;
                *out++ = *p;
            }
            if (*p)
                p++;
        } else {
            for (; *p && *p != ','; p++)
                *out++ = *p;
        }
        if (*p != ',') {
            *out = 0;
            break;
        }
        p++;
        *out = 0;
    }
    return n;
}

int csv_read(const char *file, const char *const *columns, int (*on_row)(void *ctx, char *const *values),
             void *ctx)
{
    gzFile gz = gzopen(file, "rb");
    char line[65536], *fields[CSV_MAX_FIELDS], *values[CSV_MAX_FIELDS];
    int where[CSV_MAX_FIELDS], n, ncolumns = 0, code = EXIT_OK_, failed = 0;
    long row = 1;

    if (!gz)
        return cli_fail(EXIT_ERROR, T("cannot open %s: %s", "无法打开 %s：%s"), file, strerror(errno));
    if (!gzgets(gz, line, sizeof line)) {
        gzclose(gz);
        return cli_fail(EXIT_ERROR, T("%s is empty or not a CSV file", "%s 为空或不是 CSV 文件"), file);
    }
    n = csv_split(line, fields);
    for (; columns[ncolumns] && code == EXIT_OK_; ncolumns++) {
        where[ncolumns] = -1;
        for (int i = 0; i < n; i++) {
            if (strcmp(fields[i], columns[ncolumns]) == 0)
                where[ncolumns] = i;
        }
        if (where[ncolumns] < 0)
            code = cli_fail(
                EXIT_ERROR,
                T("%s has no column \"%s\": is it the right log?", "%s 没有列 \"%s\"：日志类型是否正确？"),
                file, columns[ncolumns]);
    }
    while (code == EXIT_OK_ && gzgets(gz, line, sizeof line)) {
        int have;
        row++;
        have = csv_split(line, fields);
        if (have == 1 && !fields[0][0])
            continue;
        if (have < n) {
            fprintf(stderr,
                    T("deskctl: %s line %ld has %d fields instead of %d; skipped\n",
                      "deskctl：%s 第 %ld 行有 %d 个字段而不是 %d 个；已跳过\n"),
                    file, row, have, n);
            continue;
        }
        for (int c = 0; c < ncolumns; c++)
            values[c] = fields[where[c]];
        if (on_row(ctx, values) != 0)
            break;
    }
    gzerror(gz, &failed);
    if (code == EXIT_OK_ && failed != Z_OK && failed != Z_STREAM_END)
        code = cli_fail(EXIT_ERROR, T("%s is damaged after line %ld", "%s 在第 %ld 行之后损坏"), file, row);
    gzclose(gz);
    return code;
}
