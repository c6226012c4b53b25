-- The teams of the demo. Safe to repeat.
INSERT INTO desk.team (id, slug, name_en, name_zh, tier, restricted) VALUES
    (1, 'service-desk', 'Service desk', '服务台', 1, false),
    (2, 'infrastructure', 'Infrastructure', '基础设施', 2, false),
    (3, 'applications', 'Applications', '应用支持', 2, false),
    (4, 'network', 'Network', '网络', 2, false),
    (5, 'experts', 'Experts', '专家组', 3, false),
    (6, 'security', 'Security', '信息安全', 2, true)
ON CONFLICT DO NOTHING
