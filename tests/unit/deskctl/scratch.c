#include "scratch.h"
#include "base/memory.h"
#include "deskctl/commands.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS_MAX = 60 };
static char folder[] = "/tmp/meridian-deskctl-XXXXXX";

void scratch_enter(void)
{
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    setenv("MERIDIAN_LANG", "en", 1);
}

int scratch_count(void)
{
    DIR *dir = opendir(".");
    int n = 0;

    cr_assert(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

void scratch_leave(void)
{
    DIR *dir = opendir(".");

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        unlink(entry->d_name);
    if (dir)
        closedir(dir);
    cr_assert(chdir("/") == 0 && rmdir(folder) == 0);
}

void scratch_write(const char *name, struct str text)
{
    FILE *file = fopen(name, "we");

    cr_assert(file && fwrite(text.p, 1, text.n, file) == text.n && fclose(file) == 0, "%s", name);
}

void scratch_read(const char *name, struct buf *out)
{
    FILE *file = fopen(name, "re");
    char chunk[4096];
    size_t n;

    while (file && (n = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_add(out, chunk, n);
    if (file)
        fclose(file);
}

/* Both outputs go to one file, which no test sees as one of the folder. */
int scratch_run(const char *const *words, const char *input, struct buf *out)
{
    static const char captured[] = ".output";
    char *argv[WORDS_MAX + 2] = {"deskctl"};
    int argc = 1, stdout_before, stderr_before, fd, code;

    while (words[argc - 1]) {
        cr_assert_leq(argc, WORDS_MAX);
        argv[argc] = (char *)words[argc - 1];
        argc++;
    }
    fflush(stdout);
    fflush(stderr);
    cr_assert_not_null(freopen(input ? input : "/dev/null", "re", stdin), "%s", input);
    stdout_before = dup(STDOUT_FILENO);
    stderr_before = dup(STDERR_FILENO);
    fd = open(captured, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    cr_assert(fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    code = cli_main(deskctl_commands, deskctl_ncommands, argc, argv);
    fflush(stdout);
    dup2(stdout_before, STDOUT_FILENO);
    dup2(stderr_before, STDERR_FILENO);
    close(stdout_before);
    close(stderr_before);
    close(fd);
    scratch_read(captured, out);
    return code;
}

/* The next word, unquoted in place; NULL at the end. */
static char *next_word(char **line)
{
    char *p = *line + strspn(*line, " "), *word = p, quote;

    if (!*p)
        return NULL;
    quote = *p == '\'' || *p == '"' ? *p : ' ';
    if (quote != ' ')
        word = ++p;
    p = strchr(p, quote);
    *line = p ? p + 1 : word + strlen(word);
    if (p)
        *p = 0;
    return word;
}

int scratch_shell(const char *line, struct buf *out)
{
    _cleanup_(freep) char *copy = mem_str(line);
    const char *words[WORDS_MAX + 1] = {0}, *input = NULL;
    char *rest = copy, *word;

    for (int n = 0; (word = next_word(&rest));) {
        if (strcmp(word, "<") == 0)
            input = next_word(&rest);
        else if (n < WORDS_MAX)
            words[n++] = word;
    }
    return scratch_run(words, input, out);
}
