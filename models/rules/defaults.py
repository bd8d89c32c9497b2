"""The rules that an installation starts with, as a registry file would bring them.

They are those of domain.md §5.5, letter by letter in the comments; every limit is a proposal for
the site's engineer to set, except where a standard is named.
"""

from models.reasons import Json

_RAIN = {"quantity": ["rain_total", "rain_increment"], "sites": None, "sensors": None}

# GB/T 28592-2012: heavy rain is 15 mm in 12 h or 25 mm in 24 h. GB 51210 §11.1 and practice ask
# for an inspection of scaffolds after it, so this grade holds them.
R1: Json = {
    "code": "R1",
    "name": {"zh": "大雨（实测）", "en": "Heavy rain, measured"},
    "kind": "accumulation",
    "where": _RAIN,
    "condition": True,
    "levels": [
        {"severity": "low", "window": "12h", "raise_at": 15},
        {"severity": "low", "window": "24h", "raise_at": 25},
    ],
    "off_delay": "60min",
    "consequence": {
        "zh": "脚手架、临时支顶和覆盖可能受影响，地面湿滑。",
        "en": "Scaffolds, props and covers may be affected; ground is slippery.",
    },
    "operator_action": {
        "zh": "脚手架停用，雨后检查合格方可恢复使用。",
        "en": "Keep scaffolds out of use until the after-weather inspection has passed.",
    },
    "respond_within": {"zh": "恢复使用前", "en": "Before use goes on"},
}

# GB/T 28592-2012: rainstorm is 30 mm in 12 h or 50 mm in 24 h.
R2: Json = {
    "code": "R2",
    "name": {"zh": "暴雨（实测）", "en": "Rainstorm, measured"},
    "kind": "accumulation",
    "where": _RAIN,
    "condition": True,
    "levels": [
        {"severity": "medium", "window": "12h", "raise_at": 30},
        {"severity": "medium", "window": "24h", "raise_at": 50},
    ],
    "off_delay": "60min",
    "consequence": {
        "zh": "屋面可能渗漏，木构件受潮增重。",
        "en": "Roofs may leak; timber takes up water and weight.",
    },
    "operator_action": {
        "zh": "雨停后巡查屋面、檐口和排水；留意裂缝与含水率。",
        "en": "Walk roofs, eaves and drains when it stops; watch cracks and moisture.",
    },
    "respond_within": {"zh": "雨停后 4 小时内", "en": "Within 4 hours of the rain's end"},
}

# Criteria of the blue (50 mm in 12 h) and yellow (50 mm in 6 h) rainstorm signals. Signals are
# issued by the weather service alone: these are "measured, as for the signal", never the signal.
R3: Json = {
    "code": "R3",
    "name": {
        "zh": "实测雨量达到暴雨蓝色或黄色预警标准",
        "en": "Measured rain meets the blue or yellow rainstorm criterion",
    },
    "kind": "accumulation",
    "where": _RAIN,
    "condition": True,
    "levels": [
        {"severity": "medium", "window": "6h", "raise_at": 50},
        {"severity": "medium", "window": "12h", "raise_at": 50},
    ],
    "off_delay": "60min",
    "consequence": {
        "zh": "排水可能不及，屋面和墙基积水。",
        "en": "Drains may not keep up; water stands on roofs and at walls.",
    },
    "operator_action": {
        "zh": "检查排水口和积水，准备覆盖与抽水。",
        "en": "Check drains and standing water; make covers and pumps ready.",
    },
    "respond_within": {"zh": "4 小时内", "en": "Within 4 hours"},
}

# Criterion of the orange signal: 50 mm in 3 h.
R4: Json = {
    "code": "R4",
    "name": {
        "zh": "实测雨量达到暴雨橙色预警标准",
        "en": "Measured rain meets the orange rainstorm criterion",
    },
    "kind": "accumulation",
    "where": _RAIN,
    "levels": [{"severity": "high", "window": "3h", "raise_at": 50}],
    "off_delay": "60min",
    "consequence": {
        "zh": "短时强降雨，屋面渗漏和构件坠落的可能性增大。",
        "en": "Intense rain: leaks and falling parts become likely.",
    },
    "operator_action": {
        "zh": "劝离檐下人员，停止露天作业，值班员到岗。",
        "en": "Clear people from under the eaves, stop outdoor work, man the duty desk.",
    },
    "respond_within": {"zh": "30 分钟内", "en": "Within 30 minutes"},
}

# Criterion of the red signal: 100 mm in 3 h.
R5: Json = {
    "code": "R5",
    "name": {
        "zh": "实测雨量达到暴雨红色预警标准",
        "en": "Measured rain meets the red rainstorm criterion",
    },
    "kind": "accumulation",
    "where": _RAIN,
    "levels": [{"severity": "critical", "window": "3h", "raise_at": 100}],
    "off_delay": "60min",
    "consequence": {
        "zh": "极端降雨，危及建筑和人员安全。",
        "en": "Extreme rain: danger to buildings and people.",
    },
    "operator_action": {
        "zh": "关闭开放区域，人员撤至安全处，报告上级。",
        "en": "Close what is open to visitors, bring people to safety, report upward.",
    },
    "respond_within": {"zh": "10 分钟内", "en": "Within 10 minutes"},
}

# R6: API over 7 days, k = 0.85 a day, start 60 mm until the site's own 95th percentile is known.
R6: Json = {
    "code": "R6",
    "name": {"zh": "前期雨量偏高（屋面浸湿）", "en": "Soaked by the rain of past days"},
    "kind": "accumulation",
    "where": _RAIN,
    "condition": True,
    "decay": 0.85,
    "window": "7d",
    "levels": [{"severity": "low", "raise_at": 60}],
    "deadband": 5,
    "off_delay": "24h",
    "consequence": {
        "zh": "屋面苫背和木构件已吸水，小雨也可能致害。",
        "en": "Bedding and timber are soaked; even light rain may now do harm.",
    },
    "operator_action": {
        "zh": "加密巡查有旧伤和渗漏史的部位。",
        "en": "Walk places with old damage or leaks more often.",
    },
    "respond_within": {"zh": "1 个工作日内", "en": "Within a working day"},
}

# C1 to C3. Limits from BRE Digest 343 (movement is read to 0.1 mm) and Digest 251 (1 mm, 5 mm
# steps); C3 latches until someone has looked, and also watches the raw width crossing 5 mm.
CRACK: Json = {
    "code": "CRACK",
    "name": {"zh": "裂缝增宽", "en": "Crack opening"},
    "kind": "threshold",
    "where": {"quantity": "crack_width", "sites": None, "sensors": None},
    "of": "change",
    "baseline": {"of": "median", "over": "24h"},
    "levels": [
        {"severity": "low", "raise_at": 0.3, "deadband": 0.1},
        {"severity": "medium", "raise_at": 1.0, "deadband": 0.2},
        {"severity": "high", "raise_at": 2.0, "deadband": 0.3, "latch": True},
        {"severity": "high", "raise_at": 5.0, "deadband": 0.3, "latch": True, "of": "value"},
    ],
    "on_delay": "2 samples",
    "off_delay": "6h",
    "consequence": {
        "zh": "构件正在位移，可能松动、坠落或失稳。",
        "en": "The part is moving; it may work loose, fall or lose its hold.",
    },
    "operator_action": {
        "zh": "现场查看并拍照；达到橙色先封闭下方区域，请结构工程师判断。",
        "en": "Look and photograph; at orange close the area below first, then ask an engineer.",
    },
    "respond_within": {
        "zh": "橙色 30 分钟内，黄色 4 小时内，蓝色 1 个工作日内",
        "en": "Orange within 30 minutes, yellow 4 hours, blue a working day",
    },
}

# C4 and C5. No published limit for historic roofs exists; an engineer must set them per crack.
CRACK_RATE: Json = {
    "code": "CRACK-RATE",
    "name": {"zh": "裂缝增宽速率", "en": "Crack opening fast"},
    "kind": "rate",
    "where": {"quantity": "crack_width", "sites": None, "sensors": None},
    "window": "24h",
    "per": "day",
    "levels": [
        {"severity": "medium", "raise_at": 0.2, "deadband": 0.05},
        {"severity": "critical", "raise_at": 1.0, "latch": True},
    ],
    "on_delay": "3 samples",
    "off_delay": "24h",
    "consequence": {
        "zh": "裂缝持续张开，短时间内可能坍塌。",
        "en": "The crack keeps opening; collapse may follow soon.",
    },
    "operator_action": {
        "zh": "红色：立即封闭并撤人，禁止上屋面，上报；黄色：当日现场查看。",
        "en": "Red: close at once, get everyone out, nobody on the roof, report. "
        "Yellow: look on site the same day.",
    },
    "respond_within": {
        "zh": "红色 10 分钟内，黄色 4 小时内",
        "en": "Red 10 minutes, yellow 4 hours",
    },
}

# M1 to M3: rot begins at 20 %, is serious from fibre saturation at 28-30 % on; the long delay is
# for the winter readings of a dry roof, which swing above 20 % without any leak.
MOIST: Json = {
    "code": "MOIST",
    "name": {"zh": "木材含水率偏高", "en": "Timber too damp"},
    "kind": "threshold",
    "where": {"quantity": "moisture_content", "sites": None, "sensors": None},
    "levels": [
        {"severity": "low", "raise_at": 20, "on_delay": "24h", "off_delay": "48h"},
        {"severity": "medium", "raise_at": 25},
        {"severity": "high", "raise_at": 28},
    ],
    "deadband": 1,
    "on_delay": "6h",
    "off_delay": "24h",
    "consequence": {
        "zh": "木材开始腐朽，强度下降。",
        "en": "Timber begins to rot and loses strength.",
    },
    "operator_action": {
        "zh": "查找渗漏点和通风不良处，安排遮盖或修补。",
        "en": "Find the leak or the lack of air; arrange a cover or a repair.",
    },
    "respond_within": {
        "zh": "橙色当日，其余 3 日内",
        "en": "Orange the same day, else within 3 days",
    },
}

# M4: five points in a day is a leak, whatever the level (masonry and timber alike).
LEAK: Json = {
    "code": "LEAK",
    "name": {"zh": "疑似渗漏（含水率骤升）", "en": "Leak suspected, moisture rising"},
    "kind": "rate",
    "where": {
        "quantity": ["moisture_content", "moisture_rel"],
        "sites": None,
        "sensors": None,
    },
    "window": "24h",
    "per": "window",
    "levels": [{"severity": "medium", "raise_at": 5, "deadband": 1}],
    "on_delay": "2 samples",
    "off_delay": "24h",
    "consequence": {
        "zh": "水正进入构件。",
        "en": "Water is getting into the fabric.",
    },
    "operator_action": {
        "zh": "查看该部位屋面和排水，必要时临时遮盖。",
        "en": "Look at roof and drains above; cover if need be.",
    },
    "respond_within": {"zh": "4 小时内", "en": "Within 4 hours"},
}

# X1, the pattern of Tianning Temple: soaked, and something moves or leaks, in one zone.
X1: Json = {
    "code": "X1",
    "name": {"zh": "雨、湿、裂并发", "en": "Rain, damp and movement together"},
    "kind": "combination",
    "where": {"quantity": None, "sites": None, "sensors": None},
    "over": "zone",
    "within": "72h",
    "all": [
        {"any": [{"rule": "R2", "level": "medium"}, {"rule": "R6", "level": "low"}]},
        {"any": [{"rule": "CRACK", "level": "low"}, {"rule": "LEAK", "level": "medium"}]},
    ],
    "levels": [{"severity": "high", "latch": True}],
    "consequence": {
        "zh": "浸水的屋面正在变形：垮塌前常见的组合。",
        "en": "A soaked roof that moves: what comes before a collapse.",
    },
    "operator_action": {
        "zh": "封闭该区域，撤出人员，请结构工程师到场，准备支顶和遮盖。",
        "en": "Close the zone, get people out, call an engineer, make props and covers ready.",
    },
    "respond_within": {"zh": "30 分钟内", "en": "Within 30 minutes"},
}

Q1: Json = {
    "code": "Q1",
    "name": {"zh": "传感器失联", "en": "Sensor silent"},
    "kind": "silence",
    "where": {"quantity": None, "sites": None, "sensors": None},
    "levels": [{"severity": "low"}],
    "off_delay": "2 samples",
    "consequence": {
        "zh": "该处状态未知；没有数据不等于正常。",
        "en": "The state of this place is unknown; no data is not normal.",
    },
    "operator_action": {
        "zh": "现场查看：设备、供电、网络，以及所在构件是否完好。",
        "en": "Look on site: device, power, network, and whether its part still stands.",
    },
    "respond_within": {"zh": "1 个工作日内", "en": "Within a working day"},
}

Q2: Json = {
    "code": "Q2",
    "name": {"zh": "电池电量低", "en": "Battery low"},
    "kind": "threshold",
    "where": {"quantity": "battery_level", "sites": None, "sensors": None},
    "direction": "below",
    "levels": [{"severity": "low", "raise_at": 20}],
    "deadband": 5,
    "on_delay": "2 samples",
    "off_delay": "2 samples",
    "consequence": {"zh": "传感器将要停止工作。", "en": "The sensor will soon stop."},
    "operator_action": {"zh": "更换或充电。", "en": "Replace or charge it."},
    "respond_within": {"zh": "7 日内", "en": "Within 7 days"},
}

DEFAULT_RULES: tuple[Json, ...] = (
    R1, R2, R3, R4, R5, R6, CRACK, CRACK_RATE, MOIST, LEAK, X1, Q1, Q2,
)  # fmt: skip
"""What a registry file without `rules` gets."""
