-- The people of the demo: sixteen agents, a lead and nine requesters a region, and one administrator. Identifiers come from the logins, so that
-- every seeding gives the same ones. Safe to repeat.
WITH staff (region, names) AS (VALUES
    ('eu', ARRAY['Astrid Lindqvist', 'Erik Johansson', 'Freja Holm', 'Lukas Weber', 'Camille Laurent', 'Giulia Romano', 'Pieter de Vries', 'Inês Carvalho',
                 'Oskar Nyström', 'Hanna Virtanen', 'Tomasz Kowalski', 'Niamh Byrne', 'Marek Novák', 'Elif Demir', 'Søren Kjær', 'Chiara Conti',
                 'Ingrid Bergström',
                 'Johan Ekström', 'Marta Schneider', 'Antoine Moreau', 'Sofia Karlsson', 'Jan Bakker', 'Katarzyna Wójcik', 'Nils Andersson', 'Laura Fischer', '刘洋']),
    ('ap', ARRAY['王伟', '李娜', '张强', '刘芳', '陈静', '杨磊', '赵敏', '黄涛', '周婷', '吴昊', '徐丽', '孙鹏', 'Priya Sharma', 'Kenji Watanabe', 'Amelia Tan', 'Rajesh Iyer',
                 '马晓东',
                 '朱琳', '胡军', '郭雪', '何勇', '高洁', '林峰', '罗丹', '郑宇', '梁慧']),
    ('us', ARRAY['Emily Carter', 'Michael Johnson', 'Maria Garcia', 'David Kim', 'Jessica Brown', 'Carlos Rivera', 'Ashley Davis', 'Daniel Nguyen',
                 'Sarah Miller', 'James Wilson', 'Olivia Martinez', 'Ethan Clark', 'Grace Lee', 'Tyler Robinson', 'Aisha Williams', 'Ryan O''Connor',
                 'Linda Thompson',
                 'Robert Anderson', 'Megan Taylor', 'Jose Hernandez', 'Lauren White', 'Kevin Harris', 'Samantha Lewis', 'Brandon Walker', '陈思远', '王佳怡'])
), people AS (
    SELECT CASE WHEN p.n <= 16 THEN 'agent' WHEN p.n = 17 THEN 'lead' ELSE 'requester' END AS role,
           CASE WHEN p.n <= 16 THEN p.n WHEN p.n = 17 THEN 1 ELSE p.n - 17 END AS place, s.region, p.name
    FROM staff s CROSS JOIN LATERAL unnest(s.names) WITH ORDINALITY AS p (name, n)
), logins AS (
    SELECT concat_ws('-', role, region, place) AS login, name, role, region, CASE WHEN name ~ '^[A-Z]' THEN 'en' ELSE 'zh' END AS language FROM people
    UNION ALL SELECT 'admin', 'Administrator', 'admin', 'eu', 'en'
)
INSERT INTO desk.app_user (id, login, name, email, role, region, language)
SELECT overlay(overlay(md5('meridian-demo:' || login) PLACING '8' FROM 13) PLACING 'a' FROM 17)::uuid, login, name, login || '@example.test', role, region, language
FROM logins
ON CONFLICT DO NOTHING
